package stream_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/structpb"

	"bartizan/extproc/cause"
	"bartizan/extproc/stream"
	"bartizan/extproc/tries"
	"bartizan/filters"
)

// TestTranscripts replays what Envoy says (lines "->") and compares what the machine answers (lines "<-").
// UPDATE_GOLDEN=1 rewrites the answers.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, string(want))
			if os.Getenv("UPDATE_GOLDEN") != "" {
				if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("transcript differs (-want +got):\n%s", diff)
			}
		})
	}
}

// replay runs the inputs of a transcript and writes it anew.
func replay(t *testing.T, transcript string) string {
	t.Helper()
	var out strings.Builder
	m := newMachine(t, "durable")
	lines := bufio.NewScanner(strings.NewReader(transcript))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		line := lines.Text()
		switch {
		case strings.HasPrefix(line, "#"), line == "":
			out.WriteString(line + "\n")
			if mode, ok := strings.CutPrefix(line, "# audit: "); ok { // a mode, or a mode and what records show of bodies
				m = newMachine(t, mode)
			}
		case strings.HasPrefix(line, "-> "):
			out.WriteString(line + "\n")
			said := input(t, m, line[3:])
			render(&out, said)
			if said.Resume {
				render(&out, m.Resume())
			}
		}
	}
	fmt.Fprintf(&out, "<- status %s\n", statusText(m.Status()))
	return out.String()
}

func newMachine(t testing.TB, mode string) *stream.Machine {
	tick := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	return stream.New(stream.Config{
		ID: "0193-test", Bundle: testBundle(t, mode), Stamp: stream.NewStamp("test"),
		Clock:  func() time.Time { tick = tick.Add(time.Millisecond); return tick },
		Causes: cause.New(func() time.Time { return tick }, nil), Tries: tries.New(func() time.Time { return tick }),
	})
}

// input is one thing that Envoy or the server says: a message, or close, timeout, fault, no_room, refuse.
func input(t testing.TB, m *stream.Machine, line string) stream.Output {
	t.Helper()
	verb, rest, _ := strings.Cut(line, " ")
	switch verb {
	case "close":
		return m.Close()
	case "timeout":
		return m.Timeout()
	case "fault":
		return m.Fault(rest)
	case "no_room":
		return m.NoRoom()
	case "refuse":
		return m.Refuse(filters.Refusal{Kind: filters.RefusalKind(rest), Message: "said by the server"})
	default:
		return m.Step(message(t, verb, rest))
	}
}

func message(t testing.TB, verb, rest string) *extproc.ProcessingRequest {
	t.Helper()
	eos := false
	if rest == "eos" || strings.HasPrefix(rest, "eos ") {
		eos, rest = true, strings.TrimPrefix(strings.TrimPrefix(rest, "eos"), " ")
	}
	body := []byte(rest)
	if unquoted, err := strconv.Unquote(rest); err == nil {
		body = []byte(unquoted)
	}
	if packed, ok := strings.CutPrefix(rest, "gzip "); ok {
		body = gzipped(t, packed)
	}
	if size, ok := strings.CutPrefix(rest, "size="); ok {
		n, err := strconv.Atoi(size)
		if err != nil {
			t.Fatal(err)
		}
		body = make([]byte, n)
	}
	switch verb {
	case "request_headers":
		headers, attrs := pairs(t, rest)
		mode := filterv3.ProcessingMode_BUFFERED
		if attrs["mode"] != "" {
			mode = filterv3.ProcessingMode_STREAMED
		}
		return &extproc.ProcessingRequest{
			Attributes:     attributes(t, attrs),
			ProtocolConfig: &extproc.ProtocolConfiguration{RequestBodyMode: mode, ResponseBodyMode: filterv3.ProcessingMode_FULL_DUPLEX_STREAMED},
			Request:        &extproc.ProcessingRequest_RequestHeaders{RequestHeaders: &extproc.HttpHeaders{Headers: headers, EndOfStream: eos}},
		}
	case "request_body":
		return &extproc.ProcessingRequest{Request: &extproc.ProcessingRequest_RequestBody{RequestBody: &extproc.HttpBody{Body: body, EndOfStream: eos}}}
	case "request_trailers":
		return &extproc.ProcessingRequest{Request: &extproc.ProcessingRequest_RequestTrailers{RequestTrailers: &extproc.HttpTrailers{}}}
	case "response_headers":
		headers, attrs := pairs(t, rest)
		return &extproc.ProcessingRequest{Attributes: attributes(t, attrs), Request: &extproc.ProcessingRequest_ResponseHeaders{ResponseHeaders: &extproc.HttpHeaders{Headers: headers, EndOfStream: eos}}}
	case "response_body":
		return &extproc.ProcessingRequest{Request: &extproc.ProcessingRequest_ResponseBody{ResponseBody: &extproc.HttpBody{Body: body, EndOfStream: eos}}}
	case "response_trailers":
		return &extproc.ProcessingRequest{Request: &extproc.ProcessingRequest_ResponseTrailers{ResponseTrailers: &extproc.HttpTrailers{}}}
	case "empty":
		return &extproc.ProcessingRequest{}
	}
	t.Fatalf("unknown input %q", verb)
	return nil
}

// pairs reads name=value words: headers, and attributes behind "@".
func pairs(t testing.TB, words string) (*corev3.HeaderMap, map[string]string) {
	t.Helper()
	headers, attrs := &corev3.HeaderMap{}, map[string]string{}
	for _, w := range strings.Fields(words) {
		name, value, ok := strings.Cut(w, "=")
		if !ok {
			t.Fatalf("%q is not name=value", w)
		}
		value = strings.ReplaceAll(value, "+", " ")
		if attr, ok := strings.CutPrefix(name, "@"); ok {
			attrs[attr] = value
			continue
		}
		headers.Headers = append(headers.Headers, &corev3.HeaderValue{Key: name, RawValue: []byte(value)})
	}
	return headers, attrs
}

func attributes(t testing.TB, attrs map[string]string) map[string]*structpb.Struct {
	t.Helper()
	fields := map[string]any{"source.address": "192.0.2.7:4711"}
	for name, value := range attrs {
		fields[strings.Replace(name, "route", "xds.route_name", 1)] = value
	}
	s, err := structpb.NewStruct(fields)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]*structpb.Struct{"envoy.filters.http.ext_proc": s}
}

// render writes an output as lines.
func render(w *strings.Builder, out stream.Output) {
	if out.Admit > 0 {
		fmt.Fprintf(w, "<- admit %d\n", out.Admit)
	}
	if out.Intent != nil {
		fmt.Fprintf(w, "<- intent outcome=%s\n", out.Intent.Outcome)
	}
	for _, r := range out.Send {
		fmt.Fprintf(w, "<- %s\n", response(r))
	}
	if r := out.Record; r != nil {
		fmt.Fprintf(w, "<- record outcome=%s ended_by=%s status=%d unsure=%t user=%q model=%q input=%d output=%d bytes=%d detail=%q\n",
			r.Outcome, r.EndedBy, r.Status, out.Unsure, r.Exchange.Identity.User, modelOf(r.Exchange),
			r.Exchange.Response.Usage.Input, r.Exchange.Response.Usage.Output, r.Exchange.Response.Bytes, r.Detail)
		for _, e := range []filters.Excerpt{r.Payload.Request, r.Payload.Response} {
			if e.Data != nil {
				fmt.Fprintf(w, "   shows %d more than %s\n", e.Omitted, e.Data)
			}
		}
	}
}

func modelOf(x *filters.Exchange) string {
	if x.LLM == nil {
		return ""
	}
	return x.LLM.Model
}

func response(r *extproc.ProcessingResponse) string {
	stamp := r.GetDynamicMetadata().GetFields()[stream.Namespace].GetStructValue().GetFields()["request"].GetStringValue()
	if stamp != "" {
		stamp = " stamp=" + stamp
	}
	switch v := r.GetResponse().(type) {
	case *extproc.ProcessingResponse_RequestHeaders:
		return "request_headers" + mutation(v.RequestHeaders.GetResponse().GetHeaderMutation()) + stamp
	case *extproc.ProcessingResponse_RequestBody:
		common := v.RequestBody.GetResponse()
		text := "request_body" + mutation(common.GetHeaderMutation()) + stamp
		if body := common.GetBodyMutation().GetBody(); body != nil {
			text += " " + string(body)
		}
		return text
	case *extproc.ProcessingResponse_ResponseHeaders:
		return "response_headers" + mutation(v.ResponseHeaders.GetResponse().GetHeaderMutation()) + stamp
	case *extproc.ProcessingResponse_ResponseBody:
		s := v.ResponseBody.GetResponse().GetBodyMutation().GetStreamedResponse()
		return fmt.Sprintf("response_body eos=%t %q", s.GetEndOfStream(), s.GetBody())
	case *extproc.ProcessingResponse_ResponseTrailers:
		return "response_trailers"
	case *extproc.ProcessingResponse_ImmediateResponse:
		i := v.ImmediateResponse
		return fmt.Sprintf("immediate %d %s%s%s %s", i.GetStatus().GetCode(), i.GetDetails(), mutation(i.GetHeaders()), stamp, i.GetBody())
	}
	return fmt.Sprintf("unexpected %T", r.GetResponse())
}

func mutation(m *extproc.HeaderMutation) string {
	var words []string
	for _, name := range m.GetRemoveHeaders() {
		words = append(words, "-"+name)
	}
	for _, h := range m.GetSetHeaders() {
		words = append(words, fmt.Sprintf("+%s=%s", h.GetHeader().GetKey(), h.GetHeader().GetRawValue()))
	}
	sort.Strings(words)
	if len(words) == 0 {
		return ""
	}
	return " " + strings.Join(words, " ")
}

func statusText(err error) string {
	if err == nil {
		return "OK"
	}
	return err.Error()
}

func gzipped(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
