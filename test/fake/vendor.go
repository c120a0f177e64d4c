package fake

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
)

// Options configure a fake model provider.
type Options struct {
	// Key is what a request must present, as x-api-key (Anthropic), x-goog-api-key (Gemini) or Authorization: Bearer. Without a Key all are refused.
	Key string
	// Open is for servers that want no Key: none may come.
	Open bool
	// Listen is a loopback host:port; empty: any free port of 127.0.0.1.
	Listen string
	// Recorded is the folder of the answers that scripts play.
	Recorded string
	// Script is done by requests that carry no script of their own.
	Script Script
}

// Vendor is a fake model provider.
type Vendor struct {
	*Server
	Recorder
	opts    Options
	dialect dialect
	serial  atomic.Int64
}

// dialect is the wire format of one vendor.
type dialect interface {
	// serves tells whether a path is of the operation that scripts are for.
	serves(path string) bool
	// requestID is the name of the header that carries the vendor's id of a request.
	requestID() string
	// check says what a request lacks besides a key: "" for nothing.
	check(h http.Header) string
	// decode reads what the script needs of a request.
	decode(path string, body []byte) (ask, error)
	// whole renders an answer as one JSON body.
	whole(a answer) string
	// events renders it as the events of a stream, framing and all.
	events(a answer, includeUsage bool) []string
	// fault renders an error body; typ may be empty: the one of the status.
	fault(status int, typ, message, id string) string
	// errorType names the error of a status in the header that errorHeader names; both empty: the body says it all.
	errorType(status int, typ string) (header, value string)
	// errorEvent renders an error inside a stream.
	errorEvent(typ string) string
	// oddEvents are an event that is broken and one of an unknown type.
	oddEvents() (malformed, unknown string)
	// mediaType is that of a stream.
	mediaType() string
	// side answers other paths, such as the list of models; false: there is no such path.
	side(method, path string, body []byte) (string, bool)
	// store answers requests about what is kept, such as files; false: this is none, and nothing was written.
	store(w http.ResponseWriter, r *http.Request, body []byte) bool
}

// overSSE is what the dialects have in common that stream events in text.
type overSSE struct{}

func (overSSE) mediaType() string                      { return "text/event-stream; charset=utf-8" }
func (overSSE) errorType(int, string) (string, string) { return "", "" }
func (overSSE) oddEvents() (malformed, unknown string) {
	return "event: content_block_delta\ndata: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_de\n\n",
		"event: moon_phase\ndata: {\"type\":\"moon_phase\",\"phase\":\"waxing\",\"choices\":[]}\n\n"
}

// StartAnthropic starts a fake of Anthropic's Messages API (POST /v1/messages, /v1/messages/count_tokens, GET /v1/models), with
// files, skills and batches. It runs until ctx ends or Close.
func StartAnthropic(ctx context.Context, o Options) (*Vendor, error) {
	return start(ctx, o, anthropic{})
}

// StartOpenAI starts a fake of OpenAI's Chat Completions API (POST /v1/chat/completions, /v1/embeddings, GET /v1/models),
// with files, uploads, batches and stored responses. It runs until ctx ends or Close.
func StartOpenAI(ctx context.Context, o Options) (*Vendor, error) { return start(ctx, o, openAI{}) }

// StartVLLM starts a fake of vLLM's Chat Completions (POST /v1/chat/completions, below any path). It runs until ctx ends or Close.
func StartVLLM(ctx context.Context, o Options) (*Vendor, error) { return start(ctx, o, vllm{}) }

// StartOllama starts a fake of Ollama's Chat Completions (POST /v1/chat/completions). It runs until ctx ends or Close.
func StartOllama(ctx context.Context, o Options) (*Vendor, error) { return start(ctx, o, ollama{}) }

// StartResponses starts a fake of OpenAI's Responses API (POST /v1/responses, GET /v1/models). It runs until ctx ends or Close.
func StartResponses(ctx context.Context, o Options) (*Vendor, error) {
	return start(ctx, o, responses{})
}

// StartGemini starts a fake of Google's Gemini API (generateContent, streamGenerateContent and countTokens of any version and model;
// files, uploaded by the protocol resumable; the list of models). It runs until ctx ends or Close.
func StartGemini(ctx context.Context, o Options) (*Vendor, error) {
	return start(ctx, o, gemini{files: &geminiFiles{begun: map[string]*geminiFile{}}})
}

// StartBedrock starts a fake of Amazon Bedrock's runtime API: Converse and ConverseStream, InvokeModel and InvokeModelWithResponseStream
// with bodies of the Messages API, CountTokens. It runs until ctx ends or Close.
func StartBedrock(ctx context.Context, o Options) (*Vendor, error) { return start(ctx, o, bedrock{}) }

func start(ctx context.Context, o Options, d dialect) (*Vendor, error) {
	v := &Vendor{opts: o, dialect: d}
	s, err := serve(ctx, o.Listen, v.record(http.HandlerFunc(v.answer)))
	v.Server = s
	return v, err
}

// answer serves one request whose body is in memory.
func (v *Vendor) answer(w http.ResponseWriter, r *http.Request) {
	body, err := decompressed(r)
	if err != nil {
		v.refuse(w, http.StatusBadRequest, err.Error(), "")
		return
	}
	id := v.nextID("req_fake")
	w.Header().Set(v.dialect.requestID(), id)
	if !v.authorized(r.Header) {
		v.refuse(w, http.StatusUnauthorized, "invalid api key", id)
		return
	}
	if !v.dialect.serves(r.URL.Path) || r.Method != http.MethodPost {
		v.answerSide(w, r, body, id)
		return
	}
	q, err := v.dialect.decode(r.URL.Path, body)
	if err != nil {
		v.refuse(w, http.StatusBadRequest, err.Error(), id)
		return
	}
	if lack := v.dialect.check(r.Header); lack != "" {
		v.refuse(w, http.StatusBadRequest, lack, id)
		return
	}
	s, err := v.script(q)
	if err != nil {
		v.refuse(w, http.StatusBadRequest, "fake script: "+err.Error(), id)
		return
	}
	v.perform(w, r, q, s)
}

// authorized wants the key in every credential that the request presents, and at least one; where the server is open, none.
func (v *Vendor) authorized(h http.Header) bool {
	presented := slices.Concat(h.Values("X-Api-Key"), h.Values("X-Goog-Api-Key"), h.Values("Authorization"))
	for i, p := range presented {
		presented[i] = strings.TrimPrefix(p, "Bearer ")
	}
	foreign := slices.ContainsFunc(presented, func(p string) bool { return p != v.opts.Key })
	if v.opts.Open {
		return len(presented) == 0
	}
	return v.opts.Key != "" && len(presented) > 0 && !foreign
}

func (v *Vendor) answerSide(w http.ResponseWriter, r *http.Request, body []byte, id string) {
	if v.dialect.store(w, r, body) {
		return
	}
	if out, ok := v.dialect.side(r.Method, r.URL.Path, body); ok {
		w.Header().Set("Content-Type", "application/json")
		io.WriteString(w, out)
		return
	}
	v.refuse(w, http.StatusNotFound, "no such path: "+r.URL.Path, id)
}

// script finds what to do with a request: the mark in the model's name, then in the text, then the default.
func (v *Vendor) script(q ask) (Script, error) {
	for _, text := range []string{q.model, q.text} {
		if words, ok := findScript(text); ok {
			return ParseScript(words)
		}
	}
	return v.opts.Script, nil
}

func (v *Vendor) refuse(w http.ResponseWriter, status int, message, id string) {
	v.nameError(w, status, "")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	io.WriteString(w, v.dialect.fault(status, "", message, id))
}

func (v *Vendor) nameError(w http.ResponseWriter, status int, typ string) {
	if header, value := v.dialect.errorType(status, typ); header != "" {
		w.Header().Set(header, value)
	}
}

// perform does the script.
func (v *Vendor) perform(w http.ResponseWriter, r *http.Request, q ask, s Script) {
	p := player{w: w, ctx: r.Context(), script: s}
	p.sleep(s.SlowHeaders)
	id := w.Header().Get(v.dialect.requestID())
	switch {
	case s.HTML != 0:
		p.head(s.HTML, "text/html; charset=utf-8")
		p.play([]string{fmt.Sprintf("<!DOCTYPE html>\n<html><body><h1>%d %s</h1></body></html>\n", s.HTML, http.StatusText(s.HTML))})
	case s.Play != "":
		recorded, err := fs.ReadFile(os.DirFS(v.opts.Recorded), s.Play)
		if err != nil {
			v.refuse(w, http.StatusBadRequest, "fake script: "+err.Error(), id)
			return
		}
		mediaType := "application/json"
		if path.Ext(s.Play) != ".json" {
			p.streams, mediaType = true, v.dialect.mediaType()
		}
		p.head(http.StatusOK, mediaType)
		p.play(strings.SplitAfter(string(recorded), "\n\n"))
	case s.Status != 0 || s.Break == BreakError && !q.stream:
		status := s.Status
		if s.Break == BreakError {
			status, p.script.Break = max(status, statusOverloaded), ""
		}
		v.nameError(w, status, s.ErrorType)
		p.head(status, "application/json")
		p.play([]string{v.dialect.fault(status, s.ErrorType, "the script says so", id)})
	case q.stream:
		p.streams = true
		p.odd = v.dialect.errorEvent(s.ErrorType)
		p.malformed, p.unknown = v.dialect.oddEvents()
		mediaType, events := v.dialect.mediaType(), v.dialect.events(v.compose(q, s), q.includeUsage)
		if _, is := v.dialect.(gemini); is && r.URL.Query().Get("alt") != "sse" {
			mediaType, events = "application/json; charset=UTF-8", listed(events)
		}
		p.head(http.StatusOK, mediaType)
		p.play(events)
	default:
		body := v.dialect.whole(v.compose(q, s))
		if s.Break == "" && !s.Gzip {
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		}
		p.head(http.StatusOK, "application/json")
		p.play([]string{body[:len(body)/2], body[len(body)/2:]})
	}
}

// statusOverloaded is Anthropic's own status for overloaded_error.
const statusOverloaded = 529

func (v *Vendor) nextID(prefix string) string {
	return prefix + strconv.FormatInt(v.serial.Add(1), 10)
}
