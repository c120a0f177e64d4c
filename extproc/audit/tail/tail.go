package tail

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"bartizan/extproc/audit/stream"
)

// Options say which records to read. The zero value reads those that come from now on, for ever.
type Options struct {
	All     bool      // from the beginning of the stream
	Since   time.Time // from the first record stored at or after this time
	Subject string    // a filter, such as "audit.v1.*.mcp.deny"; empty: all
	Once    bool      // end with the newest record instead of waiting for more
}

func (o Options) consumer() jetstream.OrderedConsumerConfig {
	c := jetstream.OrderedConsumerConfig{DeliverPolicy: jetstream.DeliverNewPolicy}
	switch {
	case !o.Since.IsZero():
		c.DeliverPolicy, c.OptStartTime = jetstream.DeliverByStartTimePolicy, &o.Since
	case o.All:
		c.DeliverPolicy = jetstream.DeliverAllPolicy
	}
	if o.Subject != "" {
		c.FilterSubjects = []string{o.Subject}
	}
	return c
}

// ErrNoAnswer says that the server did not answer, as when the stream has no leader at the moment; reading can be tried again.
var ErrNoAnswer = errors.New("no answer from NATS")

// Tail calls f for each record until ctx ends (no error), f errs, or with Once the newest record was read. An event that cannot be decoded
// is handed out with Raw alone.
func Tail(ctx context.Context, nc *nats.Conn, o Options, f func(*Event) error) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return fmt.Errorf("tail audit records: %w", err)
	}
	return Each(ctx, js, o, func(m jetstream.Msg, seq uint64) error {
		e := Event{StreamSeq: seq, Subject: m.Subject(), Raw: m.Data()}
		// A record of another version of ours is shown as far as it can be read.
		e.View, _ = Parse(e.Raw)
		return f(&e)
	})
}

// Each is Tail for those who need the messages themselves: f gets each with its place in the stream.
func Each(ctx context.Context, js jetstream.JetStream, o Options, f func(m jetstream.Msg, seq uint64) error) error {
	err := each(ctx, js, o, f)
	if err != nil && ctx.Err() != nil {
		return nil
	}
	if err != nil {
		return fmt.Errorf("tail audit records: %w", err)
	}
	return nil
}

// streamPoll is how often a stream that is not there yet is looked for.
const streamPoll = 250 * time.Millisecond

// patience is how long one question to the server waits for its answer. A server that knows a stream which has no leader yet does not answer
// at all, and a question would otherwise take all the time that the caller has.
const patience = 5 * time.Second

// open finds the stream. A gateway makes it when it first reaches NATS; who waits for records to come waits for that too.
func (o *Options) open(ctx context.Context, js jetstream.JetStream) (jetstream.Stream, error) {
	for {
		s, err := ask(ctx, func(ctx context.Context) (jetstream.Stream, error) { return js.Stream(ctx, stream.Name) })
		if o.Once || !errors.Is(err, jetstream.ErrStreamNotFound) {
			return s, err
		}
		o.All = o.Since.IsZero() // all that will be in it is new
		select {
		case <-time.After(streamPoll):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// ask asks the server one question.
func ask[T any](ctx context.Context, question func(context.Context) (T, error)) (T, error) {
	asking, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	answer, err := question(asking)
	if err != nil && asking.Err() != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w within %s: %w", ErrNoAnswer, patience, err)
	}
	return answer, err
}

func each(ctx context.Context, js jetstream.JetStream, o Options, f func(m jetstream.Msg, seq uint64) error) error {
	s, err := o.open(ctx, js)
	if err != nil {
		return err
	}
	c, err := ask(ctx, func(ctx context.Context) (jetstream.Consumer, error) { return s.OrderedConsumer(ctx, o.consumer()) })
	if err != nil {
		return err
	}
	if o.Once && c.CachedInfo().NumPending == 0 {
		return nil
	}
	iter, err := c.Messages()
	if err != nil {
		return err
	}
	defer iter.Stop()
	for {
		m, err := iter.Next(jetstream.NextContext(ctx))
		if errors.Is(err, jetstream.ErrNoHeartbeat) {
			continue // the consumer resets itself
		}
		if err != nil {
			return err
		}
		meta, err := m.Metadata()
		if err != nil {
			return err
		}
		if err := f(m, meta.Sequence.Stream); err != nil {
			return err
		}
		if o.Once && meta.NumPending == 0 {
			return nil
		}
	}
}
