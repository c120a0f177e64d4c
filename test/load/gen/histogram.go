package gen

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// A Histogram is log-linear: values below 2^subBits have buckets of their own, and every doubling above is cut into
// 2^subBits/2 equal ones, so that a value is known to 1/64 of itself. It covers all durations from 0 to 292 years in 30 KiB.
const (
	subBits = 7
	half    = 1 << (subBits - 1)
	buckets = half * (65 - subBits + 1)
)

// Histogram counts durations. The zero value is empty and ready; it is safe for concurrent use, and must not be copied.
type Histogram struct {
	counts [buckets]atomic.Int64
	sum    atomic.Int64 // ns
	max    atomic.Int64 // ns
}

// Record counts one duration; a negative one counts as 0.
func (h *Histogram) Record(d time.Duration) {
	v := max(int64(d), 0)
	h.counts[bucket(v)].Add(1)
	h.sum.Add(v)
	for old := h.max.Load(); v > old && !h.max.CompareAndSwap(old, v); old = h.max.Load() {
	}
}

// bucket numbers the bucket of v >= 0.
func bucket(v int64) int {
	shift := max(bits.Len64(uint64(v))-subBits, 0)
	return shift*half + int(v>>shift)
}

// highest is the largest value of a bucket.
func highest(b int) int64 {
	shift := max(b/half-1, 0)
	return int64(b-shift*half+1)<<shift - 1
}

// Summary is what a histogram says, in microseconds.
type Summary struct {
	Count int64   `json:"count"`
	Mean  float64 `json:"mean_us"`
	P50   float64 `json:"p50_us"`
	P90   float64 `json:"p90_us"`
	P99   float64 `json:"p99_us"`
	P999  float64 `json:"p999_us"`
	Max   float64 `json:"max_us"`
}

// Summary sums the histogram up. It is exact while nobody records.
func (h *Histogram) Summary() Summary {
	var n int64
	for i := range h.counts {
		n += h.counts[i].Load()
	}
	if n == 0 {
		return Summary{}
	}
	return Summary{
		Count: n, Mean: micros(h.sum.Load()) / float64(n), Max: micros(h.max.Load()),
		P50: h.quantile(n, 500), P90: h.quantile(n, 900), P99: h.quantile(n, 990), P999: h.quantile(n, 999),
	}
}

// quantile is the smallest value that at least so many thousandths of all n do not exceed, to the precision of its bucket.
func (h *Histogram) quantile(n, thousandths int64) float64 {
	rank := (n*thousandths + 999) / 1000
	for i := range h.counts {
		if rank -= h.counts[i].Load(); rank <= 0 {
			return micros(min(highest(i), h.max.Load()))
		}
	}
	return micros(h.max.Load())
}

func micros(ns int64) float64 { return float64(ns) / 1000 }
