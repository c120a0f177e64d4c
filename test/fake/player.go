package fake

import (
	"compress/gzip"
	"context"
	"io"
	"net"
	"net/http"
	"time"
)

// player writes one answer, in the pace and with the break of its script.
type player struct {
	w      http.ResponseWriter
	ctx    context.Context // of the request that is being answered: the player lives no longer
	script Script
	zip    *gzip.Writer

	streams                 bool
	odd, malformed, unknown string // events of the dialect: an error, what is broken, what nobody knows
}

// head sends the headers at once: slow events must not hold them back.
func (p *player) head(status int, mediaType string) {
	h := p.w.Header()
	h.Set("Content-Type", mediaType)
	h.Set("Cache-Control", "no-cache")
	if p.script.RetryAfter != "" {
		h.Set("Retry-After", p.script.RetryAfter)
	}
	if p.script.Gzip {
		h.Set("Content-Encoding", "gzip")
		p.zip = gzip.NewWriter(p.w)
	}
	p.w.WriteHeader(status)
	p.flush()
}

// play writes events until the end, the break, or the other side's leaving.
func (p *player) play(events []string) {
	at := p.script.At
	if at == 0 {
		at = len(events) / 2
	}
	for i, e := range events {
		p.sleep(p.script.Delay)
		if p.ctx.Err() != nil {
			panic(http.ErrAbortHandler) // net/http would else end an unfinished answer well
		}
		if i == at && p.broken(len(events)) {
			break
		}
		p.write(e)
	}
	if p.zip != nil {
		p.zip.Close()
	}
}

// broken does the break of the script, and tells whether the answer ends with it. parts is the number of events.
func (p *player) broken(parts int) (ends bool) {
	switch p.script.Break {
	case BreakHang:
		<-p.ctx.Done()
		panic(http.ErrAbortHandler)
	case BreakReset:
		reset(p.w)
	case BreakCut:
		return true
	case BreakMalformed:
		p.write(p.malformed)
		return !p.streams
	case BreakUnknown:
		p.write(p.unknown)
	case BreakError:
		p.write(p.odd)
		return true
	}
	return false
}

// write sends one event, whole or in the chunks that the script wants.
func (p *player) write(e string) {
	size := p.script.Chunk
	if size == 0 {
		size = len(e)
	}
	var w io.Writer = p.w
	if p.zip != nil {
		w = p.zip
	}
	for len(e) > 0 {
		n := min(size, len(e))
		if _, err := io.WriteString(w, e[:n]); err != nil {
			return // the other side left; play sees it by the context
		}
		p.flush()
		e = e[n:]
	}
}

func (p *player) flush() {
	if p.zip != nil {
		p.zip.Flush()
	}
	http.NewResponseController(p.w).Flush()
}

func (p *player) sleep(d time.Duration) {
	if d == 0 {
		return
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-p.ctx.Done():
	}
}

// reset ends the connection with a TCP RST, as a crashed upstream's kernel does; over HTTP/2 with RST_STREAM. It does not
// return.
func reset(w http.ResponseWriter) {
	if conn, _, err := http.NewResponseController(w).Hijack(); err == nil {
		if tcp, ok := conn.(*net.TCPConn); ok {
			tcp.SetLinger(0)
		}
		conn.Close()
	}
	panic(http.ErrAbortHandler) // the one panic that net/http takes for "break off, and say nothing"
}
