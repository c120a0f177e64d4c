package gen

import (
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

func TestBucketsAreContiguous(t *testing.T) {
	last := -1
	for b := range buckets - 1 {
		low, high := int64(0), highest(b)
		if b > 0 {
			low = highest(b-1) + 1
		}
		if high < low || bucket(low) != b || bucket(high) != b {
			t.Fatalf("bucket %d: %d..%d fall into %d and %d", b, low, high, bucket(low), bucket(high))
		}
		if high == math.MaxInt64 {
			last = b
			break
		}
	}
	if last < 0 || bucket(math.MaxInt64) != last {
		t.Errorf("the longest duration is in bucket %d of %d", bucket(math.MaxInt64), last)
	}
}

func TestQuantilesAreWithinOneSixtyFourth(t *testing.T) {
	var h Histogram
	rnd := rand.New(rand.NewPCG(1, 2))
	values := make([]float64, 20_000)
	for i := range values {
		ns := int64(math.Exp(rnd.NormFloat64()*2 + 12))
		values[i] = micros(ns)
		h.Record(time.Duration(ns))
	}
	slices.Sort(values)
	s := h.Summary()
	for _, c := range []struct{ share, got float64 }{{.5, s.P50}, {.9, s.P90}, {.99, s.P99}, {.999, s.P999}, {1, s.Max}} {
		want := values[int(math.Ceil(c.share*float64(len(values))))-1]
		if c.got < want || c.got > want*(1+1.0/64) {
			t.Errorf("quantile %v: got %v, want %v", c.share, c.got, want)
		}
	}
	if s.Count != int64(len(values)) {
		t.Errorf("count %d", s.Count)
	}
}

func TestHistogramConcurrently(t *testing.T) {
	var h Histogram
	var all sync.WaitGroup
	for i := range 4 {
		all.Go(func() {
			for j := range 1000 {
				h.Record(time.Duration(i*1000 + j))
			}
		})
	}
	all.Wait()
	if s := h.Summary(); s.Count != 4000 || s.Max != 3.999 {
		t.Errorf("got %+v", s)
	}
}

func TestHistogramEdges(t *testing.T) {
	var h Histogram
	if s := h.Summary(); s != (Summary{}) {
		t.Errorf("empty: %+v", s)
	}
	h.Record(-1)
	if s := h.Summary(); s.Count != 1 || s.Max != 0 {
		t.Errorf("negative: %+v", s)
	}
}
