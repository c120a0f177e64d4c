package audit

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"bartizan/extproc/audit/ocsf"
	"bartizan/extproc/audit/stream"
	"bartizan/extproc/audit/wal"
	"bartizan/filters"
)

// Mode says what a record must have reached before traffic goes on. The zero value is ModeDurable.
type Mode string

// The audit modes.
const (
	ModeStrict     Mode = "strict"      // durable before the request is forwarded
	ModeDurable    Mode = "durable"     // written within Config.MaxDelay; no new exchange while that is not possible
	ModeBestEffort Mode = "best_effort" // written if possible, counted if not
)

// Options are what the bundle says about the records of one exchange.
type Options struct {
	Mode    Mode
	Tenant  string       // empty: "default"
	Payload ocsf.Payload // empty: digests
}

// Config says how a Log works. Dir is required, the other fields have defaults.
type Config struct {
	Dir        string        // of the log on disk; owned by one process at a time
	Version    string        // of the product, for metadata.product
	MaxSpool   int64         // bytes on disk; 0: 1 GiB
	MaxQueue   int           // bytes in memory before the disk; 0: 8 MiB
	MaxDelay   time.Duration // from Append to fsync; 0: 20 ms; at most 100 ms
	Conn       *nats.Conn    // where records go; nil: they stay in the spool
	Stream     stream.Config
	Registerer prometheus.Registerer // nil: metrics are kept to itself
	Logger     *slog.Logger          // nil: nothing is logged

	// Fault is handed to the log on disk: see [wal.Options].
	Fault func(op string) error
}

// maxWait is how long Append waits for room in the memory queue: longer than any fsync of a healthy disk.
const maxWait = time.Second

func (c Config) withDefaults() Config {
	if c.MaxSpool <= 0 {
		c.MaxSpool = 1 << 30
	}
	if c.MaxQueue <= 0 {
		c.MaxQueue = 8 << 20
	}
	if c.MaxDelay <= 0 {
		c.MaxDelay = 20 * time.Millisecond
	}
	c.MaxDelay = min(c.MaxDelay, 100*time.Millisecond)
	if c.Registerer == nil {
		c.Registerer = prometheus.NewRegistry()
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c
}

// Log is the audit log of one process.
type Log struct {
	cfg       Config
	wal       *wal.Log
	q         *queue
	metrics   *metrics
	publisher *stream.Publisher // nil without a connection
	stop      context.CancelFunc
	written   chan struct{} // closed when the writer has ended
	published chan struct{} // closed when the publisher has ended
	close     sync.Once
	closeErr  error
}

// Open recovers the log in cfg.Dir and starts to write and publish. A *[wal.CorruptError] says that records are damaged;
// [wal.ErrLocked] that another process owns the directory.
func Open(cfg Config) (*Log, error) {
	cfg = cfg.withDefaults()
	w, rec, err := wal.Open(cfg.Dir, wal.Options{
		// Records are refused at MaxSpool, before they are queued; those that are queued, or in the writer's hands, still fit.
		MaxBytes: cfg.MaxSpool + 2*int64(cfg.MaxQueue), SegmentBytes: min(16<<20, cfg.MaxSpool/8), Fault: cfg.Fault,
	})
	if err != nil {
		return nil, fmt.Errorf("open audit log: %w", err)
	}
	report(cfg.Logger, w, rec)
	l := &Log{
		cfg: cfg, wal: w, q: newQueue(cfg.MaxQueue), metrics: newMetrics(cfg.Registerer, w, cfg.MaxSpool),
		written: make(chan struct{}), published: make(chan struct{}),
	}
	ctx, stop := context.WithCancel(context.Background())
	l.stop = stop
	go l.write(rec)
	if cfg.Conn == nil {
		close(l.published)
		return l, nil
	}
	l.publisher, err = stream.NewPublisher(cfg.Conn, w, cfg.Stream, stream.Deps{Registerer: cfg.Registerer, Logger: cfg.Logger})
	if err != nil {
		close(l.published)
		return nil, errors.Join(fmt.Errorf("open audit log: %w", err), l.Close(ctx))
	}
	go func() {
		defer close(l.published)
		l.publisher.Run(ctx)
	}()
	return l, nil
}

func report(log *slog.Logger, w *wal.Log, rec wal.Recovery) {
	if rec.Torn > 0 {
		log.Warn("audit log had an unfinished tail", "cut_bytes", rec.Torn, "last_record", rec.LastSeq)
	}
	log.Info("audit log open", "producer", w.Producer(), "last_record", rec.LastSeq, "unacked", rec.Unacked)
}

func (l *Log) write(rec wal.Recovery) {
	defer close(l.written)
	w := &writer{q: l.q, wal: l.wal, metrics: l.metrics, maxDelay: l.cfg.MaxDelay}
	if rec.Last != nil {
		w.prev = sha256.Sum256(rec.Last)
	}
	w.run()
	if err := l.wal.Err(); err != nil {
		l.cfg.Logger.Error("audit log broken", "error", err)
	}
}

// Producer is the id under which this log numbers and chains its records.
func (l *Log) Producer() string { return l.wal.Producer() }

// Append takes a record: it is encoded when Append returns, and durable within Config.MaxDelay. It errs when the spool is full
// ([wal.ErrFull]), the disk broken ([wal.ErrBroken]), the disk too slow, or the log closed; never in ModeBestEffort,
// where what is not taken is counted.
func (l *Log) Append(r *filters.Record, o Options) error {
	if o.Mode == ModeBestEffort {
		if err := l.try(r, o); err != nil {
			l.metrics.drop(err)
		}
		return nil
	}
	return l.put(context.Background(), item{draft: l.encode(r, o)}, ModeDurable)
}

// try takes a record without waiting.
func (l *Log) try(r *filters.Record, o Options) error {
	if err := l.spool(1); err != nil {
		return err
	}
	room, err := l.q.tryPut(item{draft: l.encode(r, o)})
	if room != nil {
		return errBusy
	}
	if err == nil {
		l.metrics.appended.WithLabelValues(string(ModeBestEffort)).Inc()
	}
	return err
}

// AppendDurable takes a record and returns when it is durable. Besides the errors of Append it returns that of ctx; the record may be
// written nevertheless.
func (l *Log) AppendDurable(ctx context.Context, r *filters.Record, o Options) error {
	done := make(chan error, 1)
	if err := l.put(ctx, item{draft: l.encode(r, o), done: done}, ModeStrict); err != nil {
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

var errBusy = errors.New("audit log: the disk does not keep up")

// put takes a record, and waits a little for room.
func (l *Log) put(ctx context.Context, it item, mode Mode) error {
	err := l.spool(1)
	if err == nil {
		err = l.enqueue(ctx, it)
	}
	if err != nil {
		l.metrics.drop(err)
		return err
	}
	l.metrics.appended.WithLabelValues(string(mode)).Inc()
	return nil
}

func (l *Log) enqueue(ctx context.Context, it item) error {
	room, err := l.q.tryPut(it)
	if room == nil {
		return err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, maxWait, errBusy)
	defer cancel()
	return l.q.put(ctx, it)
}

func (l *Log) encode(r *filters.Record, o Options) *ocsf.Draft {
	return ocsf.Encode(r, ocsf.Source{Tenant: o.Tenant, Payload: o.Payload, Producer: l.wal.Producer(), Version: l.cfg.Version})
}

// Admit says whether a new exchange may begin in mode strict or durable: an error when its record could not be written. A tenth of
// the spool is kept for the records of exchanges that were admitted before. Its cost is that of two mutexes.
func (l *Log) Admit() error {
	if err := l.q.failure(); err != nil {
		return err
	}
	if l.q.pressed() {
		return errBusy
	}
	return l.spool(0.9)
}

// Err says that the log is broken for good: a process that starts anew may find it well.
func (l *Log) Err() error { return l.wal.Err() }

// spool errs when the log is broken or holds more than a share of its limit.
func (l *Log) spool(share float64) error {
	if err := l.wal.Err(); err != nil {
		return err
	}
	if float64(l.wal.Stats().Bytes) >= share*float64(l.cfg.MaxSpool) {
		return wal.ErrFull
	}
	return nil
}

// Close refuses further records, makes durable those that it has taken, and publishes what is left until ctx ends; the rest stays in
// the spool for the next process. Its error is that of the disk, or says that records were left.
func (l *Log) Close(ctx context.Context) error {
	l.close.Do(func() {
		l.q.end(ErrClosed)
		<-l.written
		var left error
		if l.publisher != nil {
			left = l.publisher.Drained(ctx)
		}
		l.stop()
		<-l.published
		l.closeErr = errors.Join(left, l.wal.Close())
	})
	return l.closeErr
}
