package gen

import "time"

// stampMark begins a stamp; stampLen letters a to p follow, a hexadecimal digit each.
const (
	stampMark = '@'
	stampLen  = 16
)

// AppendStamp appends the time t, in a form that an event can carry in a JSON string and that the generator finds: so the
// age of an event on its arrival is known, where both ends share the machine's clock. It is letters only, so that nobody
// takes it for a card or telephone number.
func AppendStamp(b []byte, t time.Time) []byte {
	b = append(b, stampMark)
	for shift := 60; shift >= 0; shift -= 4 {
		b = append(b, 'a'+byte(uint64(t.UnixNano())>>shift&15))
	}
	return b
}

// maxEvents bounds the gaps and ages kept of one answer; later events are counted only.
const maxEvents = 10_000

// eventLog reads a stream of server-sent events as it comes, however it is cut. It counts the blank lines that end events.
type eventLog struct {
	events     int64
	gaps, ages []time.Duration

	previous time.Time // arrival of the last event
	last     byte
	stamp    uint64
	digits   int // of the stamp read so far; -1: not in a stamp
}

func (s *seen) reset() {
	*s = seen{eventLog: eventLog{gaps: s.gaps[:0], ages: s.ages[:0], digits: -1}}
}

// take reads the bytes that arrived at now.
func (l *eventLog) take(p []byte, now time.Time) {
	for _, b := range p {
		switch {
		case b == '\n' && l.last == '\n':
			l.event(now)
		case b == stampMark:
			l.stamp, l.digits = 0, 0
		case l.digits >= 0:
			l.digit(b, now)
		}
		l.last = b
	}
}

func (l *eventLog) event(now time.Time) {
	if l.events++; l.events > 1 && len(l.gaps) < maxEvents {
		l.gaps = append(l.gaps, now.Sub(l.previous))
	}
	l.previous = now
}

func (l *eventLog) digit(b byte, now time.Time) {
	if b < 'a' || b > 'p' {
		l.digits = -1
		return
	}
	l.stamp = l.stamp<<4 | uint64(b-'a')
	if l.digits++; l.digits == stampLen {
		l.digits = -1
		if len(l.ages) < maxEvents {
			l.ages = append(l.ages, time.Duration(now.UnixNano()-int64(l.stamp)))
		}
	}
}
