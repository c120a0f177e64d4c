package mcp

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"bartizan/filters"

	"github.com/google/go-cmp/cmp"
)

// answerCase is an answer of the corpus: the request line is method, id ("-" for none) and version, the next status and media type.
type answerCase struct {
	method, id, version string
	status              int
	mediaType           string
	body                []byte
	judge               judgeFunc // nil: allows all
	gated               Registry  // nil: testRegistry
}

func (c answerCase) registry() Registry {
	if c.gated == nil {
		return testRegistry
	}
	return c.gated
}

func readAnswerFile(t *testing.T, path string) answerCase {
	t.Helper()
	file := split(t, path)
	request := strings.Fields(file.Head[0])
	status, mediaType, _ := strings.Cut(file.Head[1], " ")
	c := answerCase{method: request[0], id: request[1], version: request[2], mediaType: mediaType, body: file.Body}
	var err error
	if c.status, err = strconv.Atoi(status); err != nil {
		t.Fatal(err)
	}
	return c
}

func (c answerCase) exchange() *filters.Exchange {
	x := testExchange()
	x.MCP = &filters.MCP{Server: "warehouse", Method: c.method, ProtocolVersion: c.version}
	if c.id != "-" {
		x.MCP.ID = []byte(c.id)
	}
	if c.method == methodCall {
		x.MCP.Tool = filters.MCPTool{Name: "query_sales"}
	}
	x.Response = filters.Response{Status: c.status, MediaType: c.mediaType}
	return x
}

// outcome is all that reading an answer concludes.
type outcome struct {
	Passed   string
	Err      string
	Cut      string
	Response filters.Response
	Notes    []filters.ItemNote
	Blocks   []filters.Block
}

// judgeFunc judges messages.
type judgeFunc func(*filters.Exchange, []filters.Block) filters.Decision

func (f judgeFunc) Judge(x *filters.Exchange, _ filters.AnswerStage, blocks []filters.Block) filters.Decision {
	return f(x, blocks)
}

func (judgeFunc) Expect(*filters.Exchange, *filters.Block) filters.Outlook { return filters.Outlook{} }

// run reads the answer in the chunks that next cuts off.
func (c answerCase) run(t *testing.T, next func(left int) int) outcome {
	t.Helper()
	x := c.exchange()
	var judged []filters.Block
	judge := func(_ *filters.Exchange, blocks []filters.Block) filters.Decision {
		for _, b := range blocks {
			b.Data = filters.Plain(append([]byte(nil), b.Data.Bytes()...))
			judged = append(judged, b)
		}
		if c.judge == nil {
			return filters.Decision{}
		}
		return c.judge(x, blocks)
	}
	r, err := New(c.registry()).Response(x, judgeFunc(judge))
	if err != nil {
		return outcome{Err: kindAndError(t, err)}
	}
	var passed []byte
	for left := c.body; len(left) > 0 && err == nil; {
		chunk := append([]byte(nil), left[:next(len(left))]...)
		left = left[len(chunk):]
		var out []byte
		out, err = r.Write(chunk)
		passed = append(passed, out...)
		clear(chunk) // what a reader keeps must be its own
	}
	if err == nil {
		var out []byte
		out, err = r.Close()
		passed = append(passed, out...)
	}
	cut := r.Cut(filters.Refusal{Kind: filters.RefusedByPolicy, Message: "No.", Policy: "p", Rule: "r", DecisionID: "d"})
	return outcome{Passed: string(passed), Err: kindAndError(t, err), Cut: string(cut), Response: x.Response, Notes: x.MCP.Notes, Blocks: judged}
}

func kindAndError(t *testing.T, err error) string {
	t.Helper()
	var be *filters.BodyError
	switch {
	case err == nil:
		return ""
	case errors.As(err, new(*filters.DeniedError)):
	case !errors.As(err, &be) || be.Kind != filters.RefusedUpstream && be.Kind != filters.RefusedByPolicy:
		t.Errorf("not an error about the upstream: %v", err)
	}
	return err.Error()
}

func whole(left int) int { return left }

// TestAnswers reads each answer of the corpus and shows what passed, what was concluded, and how it would be cut.
func TestAnswers(t *testing.T) {
	eachFile(t, "testdata/answers", func(t *testing.T, path string) string {
		c := readAnswerFile(t, path)
		got := c.run(t, whole)
		var b strings.Builder
		switch {
		case got.Err != "":
			fmt.Fprintf(&b, "refused: %s\npassed: %q\n", got.Err, got.Passed)
		case got.Passed == string(c.body):
			fmt.Fprintln(&b, "passed whole")
		default:
			fmt.Fprintf(&b, "passed: %s\n", got.Passed)
		}
		r := got.Response
		fmt.Fprintf(&b, "complete: %t, events: %d, items: %d of %d, error: %q\n", r.Complete, r.Events, r.Shown, r.Offered, r.Error)
		showBlocks(&b, &filters.Exchange{Blocks: got.Blocks})
		fmt.Fprintf(&b, "cut:\n%s\n", got.Cut)
		return b.String()
	})
}

// TestChunksDoNotMatter: however an answer is cut, the same passes and the same is concluded.
func TestChunksDoNotMatter(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, path := range glob(t, "testdata/answers/*.http") {
		c := readAnswerFile(t, path)
		want := c.run(t, whole)
		cuts := map[string]func(int) int{
			"bytes":  func(int) int { return 1 },
			"pairs":  func(left int) int { return min(2, left) },
			"random": func(left int) int { return 1 + random.IntN(min(left, 40)) },
		}
		for name, cut := range cuts {
			if diff := cmp.Diff(want, c.run(t, cut)); diff != "" {
				t.Errorf("%s in %s (-whole +cut):\n%s", path, name, diff)
			}
		}
	}
}

// TestNothingPassesUnread: of an answer that is refused, only whole events that were read have passed.
func TestNothingPassesUnread(t *testing.T) {
	for _, path := range glob(t, "testdata/answers/*.http") {
		got := readAnswerFile(t, path).run(t, whole)
		if got.Err == "" || got.Passed == "" {
			continue
		}
		if !strings.HasSuffix(got.Passed, "\n\n") || strings.Contains(got.Passed, `"result"`) {
			t.Errorf("%s: passed %q before the refusal", path, got.Passed)
		}
	}
}

// FuzzAnswer: however an answer is cut, the verdict is the same and so are the bytes that pass, with filtering and treatments on.
func FuzzAnswer(f *testing.F) {
	for _, path := range glob(f, "testdata/answers/*.http") {
		_, body, _ := strings.Cut(readFile(f, path), "\n\n")
		f.Add([]byte(body), strings.Contains(path, "sse"), uint8(3))
	}
	f.Fuzz(func(t *testing.T, body []byte, isStream bool, size uint8) {
		c := answerCase{method: methodCall, id: "7", version: "2025-11-25", status: 200, mediaType: "application/json", body: body}
		if isStream {
			c.mediaType = "text/event-stream"
		}
		c.gated, c.judge = strictRegistry{}, strictJudge
		want := c.run(t, whole)
		got := c.run(t, func(left int) int { return min(int(size)+1, left) })
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-whole +cut):\n%s", diff)
		}
		if want.Err == "" && !isStream && want.Passed != "" {
			again := c
			again.body, again.judge = []byte(want.Passed), nil
			if got := again.run(t, whole); got.Err != "" || got.Passed != want.Passed {
				t.Errorf("what passed is not what would pass again: %q, %s, %q", want.Passed, got.Err, got.Passed)
			}
		}
	})
}
