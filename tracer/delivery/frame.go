package delivery

import (
	"encoding/binary"
	"hash/crc32"
)

// A frame is a record on disk: its length and a checksum of both, four bytes each, before it.
const frameHead = 8

// maxRecord is the longest record that is written to disk, and so the longest length that a reader believes.
const maxRecord = 16 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendFrame(b, record []byte) []byte {
	at := len(b)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(record)))
	b = append(append(b, 0, 0, 0, 0), record...)
	binary.LittleEndian.PutUint32(b[at+4:], checksum(b[at:]))
	return b
}

// checksum is that of a frame, its own place left out.
func checksum(frame []byte) uint32 {
	return crc32.Update(crc32.Checksum(frame[:4], castagnoli), castagnoli, frame[frameHead:])
}

// readFrame returns the record at the beginning of b, if there is a whole one.
func readFrame(b []byte) (record []byte, ok bool) {
	if len(b) < frameHead {
		return nil, false
	}
	size := binary.LittleEndian.Uint32(b)
	if size > maxRecord || int(size) > len(b)-frameHead {
		return nil, false
	}
	end := frameHead + int(size)
	if binary.LittleEndian.Uint32(b[4:]) != checksum(b[:end]) {
		return nil, false
	}
	return b[frameHead:end], true
}

// readFrames returns all records that can be read, and how many bytes are none: after damage it goes on at the next whole
// frame. The batch takes the place of the frames in b.
func readFrames(b []byte) (batch Batch, damaged int) {
	batch.data = b[:0] // a record moves forward only, over what has been read
	for len(b) > 0 {
		record, ok := readFrame(b)
		if !ok {
			damaged++
			b = b[1:]
			continue
		}
		b = b[frameHead+len(record):]
		batch.add(record)
	}
	return batch, damaged
}
