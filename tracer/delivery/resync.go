package delivery

import "hash/crc32"

// resyncBlock is the distance between the positions whose checksums a resync keeps.
const resyncBlock = 512

// A resync computes checksums of frames after damage, where every byte may be the start of a frame
// of any length. It takes the same time for each length: it combines checksums of what precedes the
// end and the start of the frame. The CRC of two sequences is the CRC of the first, multiplied by a
// power of x for the length of the second, plus the CRC of the second, in the ring of polynomials
// over GF(2) modulo the CRC's polynomial.
type resync struct {
	b      []byte   // from the first damage
	blocks []uint32 // blocks[i] is the CRC of b[:i*resyncBlock]
	pos    int
	sum    uint32     // the CRC of b[:pos]
	powers [32]uint32 // powers[i] is x to the power of 2 to the power of i
}

func newResync(b []byte) *resync {
	r := &resync{b: b}
	sum := uint32(0)
	for start := 0; start <= len(b); start += resyncBlock {
		r.blocks = append(r.blocks, sum)
		sum = update(sum, b[start:min(start+resyncBlock, len(b))])
	}
	r.powers[0] = 1 << 30 // x: the highest bit is the coefficient of 1
	for i := range r.powers[1:] {
		r.powers[i+1] = multiply(r.powers[i], r.powers[i])
	}
	return r
}

// advance moves the position n bytes forward. The bytes must not have changed.
func (r *resync) advance(n int) {
	r.sum = update(r.sum, r.b[r.pos:r.pos+n])
	r.pos += n
}

// checksum returns the checksum of a frame at the position whose span has size bytes. The size must
// be at least resyncBlock, because the bytes before the position may have changed.
func (r *resync) checksum(size int) uint32 {
	frame := r.b[r.pos:]
	end := r.pos + frameHeader + size
	block := end / resyncBlock
	upToEnd := update(r.blocks[block], r.b[block*resyncBlock:end])
	upToSpan := update(r.sum, frame[:frameHeader])
	return upToEnd ^ multiply(upToSpan^update(0, frame[:4]), r.power(8*size))
}

// power returns x to the power of n.
func (r *resync) power(n int) uint32 {
	p := uint32(1 << 31)
	for i := 0; n > 0; i, n = i+1, n>>1 {
		if n&1 != 0 {
			p = multiply(p, r.powers[i])
		}
	}
	return p
}

// multiply returns the product of two polynomials modulo the polynomial of CRC-32C. The highest bit
// is the coefficient of 1, as in package crc32.
func multiply(a, b uint32) (product uint32) {
	for ; a != 0; a <<= 1 {
		if a&(1<<31) != 0 {
			product ^= b
		}
		carry := b & 1
		b >>= 1
		if carry != 0 {
			b ^= crc32.Castagnoli
		}
	}
	return product
}
