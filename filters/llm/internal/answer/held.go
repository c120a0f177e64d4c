package answer

import (
	"strconv"

	"bartizan/filters"
	"bartizan/filters/sse"
	"bartizan/filters/strictjson"
)

// whole holds a JSON answer until it is complete, read and judged.
type whole struct {
	x       *filters.Exchange
	dialect Dialect
	gate    *gate // nil: nobody judges
	held    []byte
	done    bool // the answer has been passed on
}

func (w *whole) Write(p []byte) ([]byte, error) {
	if len(w.held)+len(p) > MaxBody {
		w.held = nil
		return nil, unjudged("", "it is larger than "+strconv.Itoa(MaxBody>>20)+" MiB")
	}
	w.held = append(w.held, p...)
	return nil, nil
}

func (w *whole) Close() ([]byte, error) {
	out, err := w.judged()
	w.held = nil
	if err != nil {
		return nil, err
	}
	w.x.Response.Complete, w.done = true, true
	return out, nil
}

func (w *whole) judged() ([]byte, error) {
	e := &Event{Event: sse.Event{Data: w.held, Raw: w.held}, Judged: w.gate != nil}
	if err := w.dialect.ReadBody(strictjson.New(w.held), e); err != nil {
		return nil, upstream(err)
	}
	if w.gate == nil {
		return w.held, nil
	}
	if err := w.gate.take(e); err != nil {
		return nil, err
	}
	if err := w.gate.end(); err != nil {
		return nil, err
	}
	if changed, err := w.gate.conclude(e); err != nil || !changed {
		return w.held, err
	}
	return w.dialect.WriteBody(e), nil
}

func (w *whole) Cut(r filters.Refusal) []byte {
	if w.done {
		return nil
	}
	return w.dialect.CutBody(r)
}

// Held is how many bytes are held back.
func (w *whole) Held() int64 { return int64(len(w.held)) }

// failure passes an error of the upstream on, and holds a small one to read its type. It returns no error itself: what the
// upstream says about a failure must reach the client, whose retries hang on its wording.
type failure struct {
	x       *filters.Exchange
	dialect Dialect
	held    []byte
	flow    bool // too large to hold: the rest passes at once
}

func (f *failure) Write(p []byte) ([]byte, error) {
	if f.flow {
		return p, nil
	}
	f.held = append(f.held, p...)
	if len(f.held) <= MaxError {
		return nil, nil
	}
	f.flow = true
	return f.release(), nil
}

func (f *failure) Close() ([]byte, error) {
	f.x.Response.Complete = true
	if !f.flow {
		_ = f.dialect.ReadBody(strictjson.New(f.held), &Event{Event: sse.Event{Data: f.held, Raw: f.held}}) // not JSON: nothing to read, and no reason to hold it back
	}
	f.flow = true
	return f.release(), nil
}

func (f *failure) release() []byte {
	out := f.held
	f.held = nil
	return out
}

// Cut works only as long as nothing has passed: half an error answer cannot become another one.
func (f *failure) Cut(r filters.Refusal) []byte {
	if f.flow {
		return nil
	}
	f.flow, f.held = true, nil
	return f.dialect.CutBody(r)
}
