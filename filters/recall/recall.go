// Package recall remembers what was concluded about content. An agent sends its whole history with every turn: with this a turn costs
// what its new blocks cost.
//
// A block is known by all of it that a conclusion may rest on: where it comes from, what names it, its media type and its bytes; not by
// its place, nor by what clients change between turns (marks for caching, a string that becomes a list). JSON counts as it is
// written: a rule reads its text, and two spellings of a value may be judged differently. Sums are 128 bits of GMAC under a key of the
// process: without it, two contents with one sum cannot be made (NIST SP 800-38D; the chance is below 2^-100 for any two). What decoders
// remember ([filters.Memory]) is known by sums, too.
//
// A Memory is bounded in bytes, belongs to one process, and is safe for concurrent use.
package recall

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"sync"
	"sync/atomic"

	"bartizan/filters"
)

// DefaultLimit is the size of a Memory in bytes: half of it some 200,000 blocks, those of hundreds of long sessions, half of it how these
// were read.
const DefaultLimit = 128 << 20

// size is what a block takes without what is remembered of it, in bytes.
const size = 200

// Memory is what is remembered.
type Memory struct {
	mac        cipher.AEAD
	generation atomic.Uint64
	scratch    sync.Pool
	blocks     *cache[*Block]
	readings   *cache[reading]
}

var _ filters.Memory = (*Memory)(nil)

// New returns an empty Memory that takes up to limit bytes.
func New(limit int64) *Memory {
	secret := make([]byte, 16)
	rand.Read(secret) // never fails (crypto/rand)
	c, err := aes.NewCipher(secret)
	if err != nil {
		panic(err) // of a key's length, which is right
	}
	mac, err := cipher.NewGCM(c)
	if err != nil {
		panic(err) // of a block's size, which is right
	}
	return &Memory{
		mac: mac, scratch: sync.Pool{New: func() any { return new(scratch) }},
		blocks: newCache[*Block](limit / 2), readings: newCache[reading](limit / 2),
	}
}

// Generation returns a number for a set of rules, which no other set has.
func (m *Memory) Generation() uint64 { return m.generation.Add(1) }

// Of is what is remembered of a block; of a new one, nothing yet.
func (m *Memory) Of(b *filters.Block) *Block {
	return m.blocks.get(m.key(b), func() *Block { return &Block{memory: m} })
}

// reading is what a decoder remembers.
type reading struct {
	value any
	size  int64
}

func (r reading) bytes() int64 { return r.size }

// Recall is what was remembered under key; nil: nothing, or nothing any more.
func (m *Memory) Recall(key filters.Sum) any {
	known, _ := m.readings.find(key)
	return known.value
}

// Remember keeps value under key. What would take a large part of the memory is not kept.
func (m *Memory) Remember(key filters.Sum, value any, bytes int) {
	m.readings.put(key, reading{value, int64(bytes)})
}

// scratch is what a sum is made in.
type scratch struct {
	nonce [12]byte // one for all: no sum is ever shown
	words []byte
	sum   filters.Sum
}

// Sum is the digest of data under the key of the process.
func (m *Memory) Sum(data []byte) filters.Sum {
	s := m.scratch.Get().(*scratch)
	defer m.scratch.Put(s)
	m.mac.Seal(s.sum[:0], s.nonce[:], nil, data)
	return s.sum
}

// key is the sum of a block's words and of the sum of its data.
func (m *Memory) key(b *filters.Block) filters.Sum {
	data := b.Sum
	if data == (filters.Sum{}) {
		data = m.Sum(b.Data.Bytes())
	}
	s := m.scratch.Get().(*scratch)
	defer m.scratch.Put(s)
	s.words = append(s.words[:0], data[:]...)
	for _, word := range [...]string{b.Role, string(b.Origin), b.MediaType, b.Name, b.CallID} {
		s.words = append(binary.AppendUvarint(s.words, uint64(len(word))), word...)
	}
	s.words = binary.AppendUvarint(s.words, uint64(b.End-b.Start-b.Data.Len())) // 0: JSON as it stands in the body, in which masks work otherwise
	m.mac.Seal(s.sum[:0], s.nonce[:], nil, s.words)
	return s.sum
}

// Block is what is remembered of one block.
type Block struct {
	memory   *Memory
	extra    atomic.Int64 // bytes beyond size
	findings atomic.Pointer[[]string]
	verdicts atomic.Pointer[Verdicts]
}

func (b *Block) bytes() int64 { return size + b.extra.Load() }

func (b *Block) grow(bytes int) {
	b.extra.Add(int64(bytes))
	b.memory.blocks.used.Add(int64(bytes))
}

// Findings are those of the block, which look finds when nobody has asked before. They must not be changed.
func (b *Block) Findings(look func() []string) []string {
	if known := b.findings.Load(); known != nil {
		return *known
	}
	found := look()
	if b.findings.CompareAndSwap(nil, &found) {
		b.grow(24 + 48*len(found))
	}
	return found
}

// Verdicts are what the rules of a set, by their numbers, said of the block. Only those of the set that asked last are kept.
func (b *Block) Verdicts(generation uint64, rules int) *Verdicts {
	known := b.verdicts.Load()
	if known != nil && known.generation == generation {
		return known
	}
	words := (rules + 31) / 32
	next := &Verdicts{generation: generation, said: make([]atomic.Uint64, words)}
	if b.verdicts.CompareAndSwap(known, next) && known == nil {
		b.grow(32 + 8*words)
	}
	return next
}

// Verdicts are two bits for each rule: whether it was asked, and whether it matched.
type Verdicts struct {
	generation uint64
	said       []atomic.Uint64
}

// Matched is what a rule said, as far as it was asked.
func (v *Verdicts) Matched(rule int) (matched, known bool) {
	bits := v.said[rule/32].Load() >> (rule % 32 * 2)
	return bits&2 != 0, bits&1 != 0
}

// Keep keeps what a rule said.
func (v *Verdicts) Keep(rule int, matched bool) {
	bits := uint64(1)
	if matched {
		bits |= 2
	}
	v.said[rule/32].Or(bits << (rule % 32 * 2))
}
