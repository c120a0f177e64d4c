package pin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/modelcontextprotocol/go-sdk/mcp"

	bz "bartizan/filters/mcp"
)

// Server is where to ask.
type Server struct {
	URL     string
	Headers http.Header // a credential among them
	Version string      // of this program, which says it to the server
}

// maxItems bounds the items of one kind, so that a list without end has one.
const maxItems = 10_000

// Offer is the raw definitions of a server by kind. Kinds of which the server has none are there and empty.
type Offer map[bz.ItemKind][][]byte

// Fetch asks a server for everything that can be pinned.
func Fetch(ctx context.Context, s Server) (Offer, error) {
	tap := &tap{headers: s.Headers}
	client := mcp.NewClient(&mcp.Implementation{Name: "bartizan-pin", Version: s.Version}, nil)
	session, err := client.Connect(ctx, &mcp.StreamableClientTransport{
		Endpoint: s.URL, HTTPClient: &http.Client{Transport: tap, CheckRedirect: noRedirect}, DisableStandaloneSSE: true, MaxRetries: -1,
	}, nil)
	if err != nil {
		return nil, fmt.Errorf("connect to %s: %w", s.URL, err)
	}
	defer func() { _ = session.Close() }() // what was asked for is here
	if err := listAll(ctx, session); err != nil {
		return nil, fmt.Errorf("list what %s offers: %w", s.URL, err)
	}
	return tap.offer()
}

// noRedirect: a credential is for the server that was named.
func noRedirect(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }

// listAll asks for every page of every list that the server says it has. What comes is read by the tap.
func listAll(ctx context.Context, session *mcp.ClientSession) error {
	has := session.InitializeResult().Capabilities
	if has == nil {
		return nil
	}
	if has.Tools != nil {
		if err := drain(session.Tools(ctx, nil)); err != nil {
			return err
		}
	}
	if has.Prompts != nil {
		if err := drain(session.Prompts(ctx, nil)); err != nil {
			return err
		}
	}
	if has.Resources != nil {
		return drain(session.ResourceTemplates(ctx, nil))
	}
	return nil
}

func drain[T any](items func(func(T, error) bool)) (err error) {
	count := 0
	items(func(_ T, e error) bool {
		if count++; count > maxItems {
			e = fmt.Errorf("more than %d items", maxItems)
		}
		err = e
		return err == nil
	})
	return err
}

// methods are those whose answers are read, and what is in them.
var methods = map[string]struct {
	kind   bz.ItemKind
	member string
}{
	"initialize":               {bz.ItemInstructions, "instructions"},
	"server/discover":          {bz.ItemInstructions, "instructions"},
	"tools/list":               {bz.ItemTool, "tools"},
	"prompts/list":             {bz.ItemPrompt, "prompts"},
	"resources/templates/list": {bz.ItemResourceTemplate, "resourceTemplates"},
}

// offer reads what the tap kept.
func (t *tap) offer() (Offer, error) {
	out := Offer{bz.ItemInstructions: nil, bz.ItemTool: nil, bz.ItemPrompt: nil, bz.ItemResourceTemplate: nil}
	for _, c := range t.captures() {
		result, err := c.result()
		if err != nil {
			return nil, err
		}
		value := result[methods[c.method].member]
		kind := methods[c.method].kind
		if kind == bz.ItemInstructions {
			if len(value) > 0 && string(value) != `""` && string(value) != "null" {
				out[kind] = [][]byte{value}
			}
			continue
		}
		var items []jsontext.Value
		if len(value) > 0 {
			if err := json.Unmarshal(value, &items); err != nil {
				return nil, fmt.Errorf("read the answer to %s: %w", c.method, err)
			}
		}
		for _, item := range items {
			out[kind] = append(out[kind], item)
		}
	}
	return out, nil
}

var errNoAnswer = errors.New("the server's answer could not be read again")

// limited reads at most limit bytes of a body and says when there were more.
func limited(r io.Reader, limit int64) ([]byte, error) {
	raw, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err == nil && int64(len(raw)) > limit {
		err = fmt.Errorf("more than %d bytes", limit)
	}
	return raw, err
}
