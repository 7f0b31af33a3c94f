package delivery

import (
	"encoding/binary"
	"hash/crc32"
)

// A frame is an encoded span in a spool file: a header of frameHeader bytes, then the span. The
// header is the length of the span and the CRC-32C of length and span, each 4 bytes, little endian.
const frameHeader = 8

// maxSpanBytes is the largest length of a span. A larger length in a frame is damage.
const maxSpanBytes = 16 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendFrame(b, span []byte) []byte {
	start := len(b)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(span)))
	b = append(append(b, 0, 0, 0, 0), span...)
	binary.LittleEndian.PutUint32(b[start+4:], checksum(b[start:]))
	return b
}

// checksum returns the CRC-32C of a frame, computed without the 4 bytes that hold it.
func checksum(frame []byte) uint32 {
	return crc32.Update(crc32.Checksum(frame[:4], castagnoli), castagnoli, frame[frameHeader:])
}

// readFrame returns the span of the frame at the start of b. It returns false if b does not start
// with an intact frame.
func readFrame(b []byte) (span []byte, ok bool) {
	if len(b) < frameHeader {
		return nil, false
	}
	size := binary.LittleEndian.Uint32(b)
	if size > maxSpanBytes || int(size) > len(b)-frameHeader {
		return nil, false
	}
	end := frameHeader + int(size)
	if binary.LittleEndian.Uint32(b[4:]) != checksum(b[:end]) {
		return nil, false
	}
	return b[frameHeader:end], true
}

// damage describes the part of a spool file that holds no intact frame.
type damage struct {
	regions int // runs of consecutive damaged bytes
	bytes   int
}

// readFrames returns the spans of all intact frames in b. After damage it continues at the next
// intact frame. The returned batch reuses the memory of b.
func readFrames(b []byte) (batch Batch, d damage) {
	batch.data = b[:0] // spans only move towards the start, over bytes already read
	intact := true
	for len(b) > 0 {
		span, ok := readFrame(b)
		if !ok {
			if intact {
				d.regions++
			}
			intact = false
			d.bytes++
			b = b[1:]
			continue
		}
		intact = true
		b = b[frameHeader+len(span):]
		batch.add(span)
	}
	return batch, d
}
