// Package recall remembers what was concluded about blocks of content. An agent sends its whole history with every turn: with this a
// turn costs what its new blocks cost.
//
// A block is known by all of it that a conclusion may rest on: where it comes from, what names it, its media type and its bytes; not by
// its place, nor by what clients change between turns (marks for caching, a string that becomes a list). JSON counts as it is
// written: a rule reads its text, and two spellings of a value may be judged differently. Keys are 128 bits of GMAC under a key of the
// process: without it, two blocks with one key cannot be made (NIST SP 800-38D; the chance is below 2^-100 for any two).
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

// DefaultLimit is the size of a Memory in bytes: some 200,000 blocks, those of hundreds of long sessions.
const DefaultLimit = 64 << 20

// size is what a block takes without what is remembered of it, in bytes.
const size = 200

// Memory is what is remembered of blocks.
type Memory struct {
	limit      int64
	mac        cipher.AEAD
	generation atomic.Uint64
	used       atomic.Int64 // bytes of fresh
	scratch    sync.Pool

	mu    sync.RWMutex
	fresh map[key]*Block // what was asked for since fresh was last full
	stale map[key]*Block // and before that
}

type key [16]byte

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
	return &Memory{limit: limit, mac: mac, fresh: map[key]*Block{}, scratch: sync.Pool{New: func() any { return new(scratch) }}}
}

// Generation returns a number for a set of rules, which no other set has.
func (m *Memory) Generation() uint64 { return m.generation.Add(1) }

// Of is what is remembered of a block; of a new one, nothing yet.
func (m *Memory) Of(b *filters.Block) *Block {
	k := m.key(b)
	m.mu.RLock()
	known := m.fresh[k]
	m.mu.RUnlock()
	if known != nil {
		return known
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if known = m.fresh[k]; known != nil {
		return known
	}
	if known = m.stale[k]; known == nil {
		known = &Block{memory: m}
	}
	if m.used.Load() > m.limit/2 {
		m.fresh, m.stale = map[key]*Block{}, m.fresh
		m.used.Store(0)
	}
	m.fresh[k] = known
	m.used.Add(size + known.extra.Load())
	return known
}

// scratch is what a key is made in.
type scratch struct {
	nonce [12]byte // one for all: no MAC is ever shown
	words []byte
	sum   key
}

// key is the MAC of a block's words and of the MAC of its data, so that the data is not copied.
func (m *Memory) key(b *filters.Block) key {
	s := m.scratch.Get().(*scratch)
	defer m.scratch.Put(s)
	s.words = m.mac.Seal(s.words[:0], s.nonce[:], nil, b.Data)
	for _, word := range [...]string{b.Role, string(b.Origin), b.MediaType, b.Name, b.CallID} {
		s.words = append(binary.AppendUvarint(s.words, uint64(len(word))), word...)
	}
	s.words = binary.AppendUvarint(s.words, uint64(b.End-b.Start-len(b.Data))) // 0: JSON as it stands in the body, in which masks work otherwise
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

func (b *Block) grow(bytes int) {
	b.extra.Add(int64(bytes))
	b.memory.used.Add(int64(bytes))
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
