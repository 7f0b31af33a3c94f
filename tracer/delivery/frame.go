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

func appendFrame(b, span []byte) []byte {
	start := len(b)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(span)))
	b = append(append(b, 0, 0, 0, 0), span...)
	binary.LittleEndian.PutUint32(b[start+4:], checksum(b[start:]))
	return b
}

// checksum returns the CRC-32C of a frame, computed without the 4 bytes that hold it.
func checksum(frame []byte) uint32 {
	return update(update(0, frame[:4]), frame[frameHeader:])
}

// update returns the CRC-32C of the bytes whose CRC-32C is sum, followed by b.
func update(sum uint32, b []byte) uint32 {
	return crc32.Update(sum, crc32.MakeTable(crc32.Castagnoli), b)
}

// readFrame returns the span of the frame at the start of b. It returns false if b does not start
// with an intact frame. After damage, r is at the start of b, otherwise it is nil.
func readFrame(b []byte, r *resync) (span []byte, ok bool) {
	if len(b) < frameHeader {
		return nil, false
	}
	size := binary.LittleEndian.Uint32(b)
	if size > maxSpanBytes || int(size) > len(b)-frameHeader {
		return nil, false
	}
	end := frameHeader + int(size)
	var sum uint32
	if r == nil || size < 2*resyncBlock {
		sum = checksum(b[:end])
	} else {
		sum = r.checksum(int(size))
	}
	return b[frameHeader:end], binary.LittleEndian.Uint32(b[4:]) == sum
}

// damage describes the part of a spool file that holds no intact frame.
type damage struct {
	regions int // runs of consecutive damaged bytes
	bytes   int
}

// readFrames returns the spans of all intact frames in b. After damage it continues at the next
// intact frame. It takes time linear in the length of b, whatever b holds. The returned batch
// reuses the memory of b.
func readFrames(b []byte) (batch Batch, d damage) {
	batch.data = b[:0] // spans only move towards the start, over bytes already read
	var r *resync
	intact := true
	for len(b) > 0 {
		span, ok := readFrame(b, r)
		if !ok && r == nil {
			r = newResync(b)
			continue
		}
		read := 1
		if ok {
			read = frameHeader + len(span)
		} else {
			if intact {
				d.regions++
			}
			d.bytes++
		}
		intact = ok
		if r != nil {
			r.advance(read)
		}
		b = b[read:]
		if ok {
			batch.add(span) // may overwrite what was read
		}
	}
	return batch, d
}
