package stream

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Bounds of one look into the stream, and how many may fail before records are published regardless.
const (
	catchUpTimeout = time.Minute
	maxBlind       = 3
)

// catchUp reads from the stream which of our records it holds beyond the last one that it has acknowledged to us, and acknowledges
// them. Where a server that answers does not allow that, the records are published again: twice is better than not at all.
func (p *Publisher) catchUp(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, catchUpTimeout)
	defer cancel()
	seq, at, err := p.stored(ctx)
	switch {
	case err == nil:
		p.unsure, p.blind = time.Time{}, 0
		return p.log.Ack(seq, at)
	case !p.nc.IsConnected():
	case p.blind < maxBlind:
		p.blind++
	default:
		p.logger.Warn("position in the stream unknown, records may be stored twice", "error", err)
		p.unsure, p.blind = time.Time{}, 0
		return nil
	}
	return fmt.Errorf("read position in stream: %w", err)
}

// stored returns the highest sequence of ours in the part of the stream that follows the cursor, and its place; 0 for none.
func (p *Publisher) stored(ctx context.Context) (seq, at uint64, err error) {
	s, err := p.js.Stream(ctx, Name)
	if err != nil {
		return 0, 0, err
	}
	from, last := p.log.Stats().Cursor.StreamSeq+1, s.CachedInfo().State.LastSeq
	if from > last {
		return 0, 0, nil
	}
	c, err := s.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: from, HeadersOnly: true,
	})
	if err != nil {
		return 0, 0, err
	}
	if c.CachedInfo().NumPending == 0 {
		return 0, 0, nil // what was there has expired
	}
	iter, err := c.Messages()
	if err != nil {
		return 0, 0, err
	}
	defer iter.Stop()
	for place := uint64(0); place < last; {
		m, err := iter.Next(jetstream.NextContext(ctx))
		if err != nil {
			return 0, 0, err
		}
		meta, err := m.Metadata()
		if err != nil {
			return 0, 0, err
		}
		place = meta.Sequence.Stream
		n, err := strconv.ParseUint(m.Headers().Get(HeaderSequence), 10, 64)
		if err == nil && m.Headers().Get(HeaderProducer) == p.log.Producer() && n > seq {
			seq, at = n, place
		}
		if meta.NumPending == 0 {
			break
		}
	}
	return seq, at, nil
}
