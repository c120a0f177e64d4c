package stream

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"bartizan/extproc/audit/wal"
)

// Bounds of one atomic batch (the server's own limit is 1000 messages), and of the waiting between attempts.
const (
	maxBatch      = 500
	maxBatchBytes = 4 << 20
	ackTimeout    = 10 * time.Second
	minPause      = 50 * time.Millisecond
	maxPause      = 5 * time.Second
)

// Deps are a publisher's collaborators. Both may be nil.
type Deps struct {
	Registerer prometheus.Registerer
	Logger     *slog.Logger
}

// Publisher publishes the records of one log.
type Publisher struct {
	log     *wal.Log
	nc      *nats.Conn
	js      jetstream.JetStream
	cfg     Config
	logger  *slog.Logger
	metrics *metrics

	ensured bool
	unsure  time.Time // since when records may have been stored of which we do not know; zero: there are none
	blind   int       // attempts in a row that could not read what is stored

	mu    sync.Mutex
	acked chan struct{} // closed at the next acknowledgement
	last  error         // of the newest attempt; nil when it went well
}

// NewPublisher prepares to publish what log holds. It does not yet talk to NATS.
func NewPublisher(nc *nats.Conn, log *wal.Log, cfg Config, d Deps) (*Publisher, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("prepare jetstream: %w", err)
	}
	if d.Logger == nil {
		d.Logger = slog.New(slog.DiscardHandler)
	}
	if d.Registerer == nil {
		d.Registerer = prometheus.NewRegistry()
	}
	p := &Publisher{
		log: log, nc: nc, js: js, cfg: cfg.withDefaults(), logger: d.Logger, metrics: newMetrics(d.Registerer), acked: make(chan struct{}),
	}
	if s := log.Stats(); s.Synced > s.Cursor.Acked {
		p.unsure = s.Cursor.Time // a predecessor may have published more than it could note
		if p.unsure.IsZero() {
			p.unsure = time.Unix(0, 0)
		}
	}
	return p, nil
}

// Run publishes until ctx ends, or the log on disk cannot be read. Then nothing more is acknowledged, the spool fills, and
// traffic is refused: fail closed.
func (p *Publisher) Run(ctx context.Context) {
	r := p.log.NewReader(p.log.Stats().Cursor.Acked)
	defer r.Close()
	for {
		batch, err := r.Next(ctx, maxBatch, maxBatchBytes)
		if ctx.Err() != nil {
			return
		}
		if err != nil {
			p.logger.Error("audit log unreadable, publishing ends", "error", err)
			p.metrics.errors.Inc()
			p.done(err)
			return
		}
		if !p.deliver(ctx, batch) {
			return
		}
	}
}

// deliver tries until the batch is acknowledged; false: ctx has ended.
func (p *Publisher) deliver(ctx context.Context, batch []wal.Entry) bool {
	pause := minPause
	for {
		start := time.Now()
		err := p.attempt(ctx, batch)
		if err == nil {
			p.metrics.latency.Observe(time.Since(start).Seconds())
			p.unsure = time.Time{} // in order, so what came before is stored too
			p.done(nil)
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		if p.unsure.IsZero() {
			p.unsure = start
		}
		p.metrics.errors.Inc()
		p.complain(err)
		p.done(err)
		select {
		case <-ctx.Done():
			return false
		case <-time.After(pause):
		}
		pause = min(2*pause, maxPause)
	}
}

// complain logs the first failure of a row.
func (p *Publisher) complain(err error) {
	p.mu.Lock()
	repeated := p.last != nil && p.last.Error() == err.Error()
	p.mu.Unlock()
	if !repeated {
		p.logger.Warn("audit records wait", "error", err)
	}
}

func (p *Publisher) attempt(ctx context.Context, batch []wal.Entry) error {
	if err := p.prepare(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	batch = after(batch, p.log.Stats().Cursor.Acked)
	if len(batch) == 0 {
		return nil
	}
	seq, err := p.publish(ctx, batch)
	if errors.Is(err, jetstream.ErrNoStreamResponse) || errors.Is(err, jetstream.ErrStreamNotFound) {
		p.ensured = false
	}
	if err != nil {
		return err
	}
	return p.log.Ack(batch[len(batch)-1].Seq, seq)
}

// prepare sees to the stream, and to what we may have stored in it without knowing.
func (p *Publisher) prepare(ctx context.Context) error {
	if !p.ensured {
		ctx, cancel := context.WithTimeout(ctx, ackTimeout)
		defer cancel()
		if err := Ensure(ctx, p.js, p.cfg, p.logger); err != nil {
			return err
		}
		p.ensured = true
	}
	if p.unsure.IsZero() || time.Since(p.unsure) <= p.cfg.Duplicates/2 {
		return nil // JetStream still knows the message ids of that time
	}
	return p.catchUp(ctx)
}

func after(batch []wal.Entry, seq uint64) []wal.Entry {
	for len(batch) > 0 && batch[0].Seq <= seq {
		batch = batch[1:]
	}
	return batch
}

// publish stores a batch at once or, where the server refuses that (a message of it is stored already; no room for batches), one by one.
func (p *Publisher) publish(ctx context.Context, batch []wal.Entry) (uint64, error) {
	if len(batch) > 1 {
		messages := make([]*nats.Msg, len(batch))
		for i, e := range batch {
			messages[i] = p.message(e)
		}
		ack, err := jetstreamext.PublishMsgBatch(ctx, p.js, messages)
		if err == nil {
			return ack.Sequence, nil
		}
		var api *jetstream.APIError
		if !refused(err, &api) {
			return 0, fmt.Errorf("publish %d audit records: %w", len(batch), err)
		}
		p.logger.Debug("batch refused, publishing one by one", "error", err)
	}
	var seq uint64
	for _, e := range batch {
		ack, err := p.js.PublishMsg(ctx, p.message(e), jetstream.WithRetryAttempts(0))
		if err != nil {
			return 0, fmt.Errorf("publish audit record %d: %w", e.Seq, err)
		}
		seq = ack.Sequence
		if err := p.log.Ack(e.Seq, seq); err != nil {
			return 0, err
		}
	}
	return seq, nil
}

// refused tells an answer of the server from the absence of one.
func refused(err error, api **jetstream.APIError) bool {
	var je jetstream.JetStreamError
	if errors.As(err, &je) && je.APIError() != nil {
		*api = je.APIError()
		return true
	}
	return errors.As(err, api)
}

func (p *Publisher) message(e wal.Entry) *nats.Msg {
	sum := sha256.Sum256(e.Data)
	return &nats.Msg{Subject: e.Subject, Data: e.Data, Header: nats.Header{
		nats.MsgIdHdr:  {hex.EncodeToString(sum[:])},
		HeaderProducer: {p.log.Producer()},
		HeaderSequence: {strconv.FormatUint(e.Seq, 10)},
	}}
}

func (p *Publisher) done(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = err
	close(p.acked)
	p.acked = make(chan struct{})
}

// Drained waits until all durable records are acknowledged, or ctx ends; then its error says how many are left.
func (p *Publisher) Drained(ctx context.Context) error {
	for {
		p.mu.Lock()
		acked, last := p.acked, p.last
		p.mu.Unlock()
		s := p.log.Stats()
		if s.Cursor.Acked >= s.Synced {
			return nil
		}
		select {
		case <-acked:
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("%d audit records are left in the spool: %w", s.Synced-s.Cursor.Acked, ctx.Err()), last)
		}
	}
}
