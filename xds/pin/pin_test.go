package pin_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"bartizan/filters/mcp"
	"bartizan/filters/pins"
	"bartizan/test/fake"
	"bartizan/xds/pin"
)

const token = "fake-mcp-token"

func headers() http.Header { return http.Header{"Authorization": {"Bearer " + token}} }

// TestBothEras: the same server gives the same pins in every era and form of answer.
func TestBothEras(t *testing.T) {
	var first []byte
	for _, o := range []fake.MCPOptions{{}, {JSON: true}, {Stateless: true}, {Stateless: true, JSON: true}} {
		o.Token = token
		server, err := fake.StartMCP(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		offer, err := pin.Fetch(t.Context(), pin.Server{URL: server.URL() + fake.MCPPath, Headers: headers(), Version: "test"})
		if err != nil {
			t.Fatalf("%+v: %v", o, err)
		}
		set, err := offer.Set("warehouse")
		if err != nil {
			t.Fatal(err)
		}
		if names := set.Names(mcp.ItemTool); !slices.Equal(names, []string{"query_sales", "update_sales"}) {
			t.Errorf("%+v: tools %v", o, names)
		}
		if names := set.Names(mcp.ItemPrompt); !slices.Equal(names, []string{"summarize"}) {
			t.Errorf("%+v: prompts %v", o, names)
		}
		raw := pins.Render(set)
		if first == nil {
			first = raw
		}
		if string(first) != string(raw) {
			t.Errorf("%+v: other pins:\n%s\nand\n%s", o, raw, first)
		}
		if found := offer.Findings(); len(found) > 0 {
			t.Errorf("found %v", found)
		}
	}
}

func TestNoCredential(t *testing.T) {
	server, err := fake.StartMCP(t.Context(), fake.MCPOptions{Token: token})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pin.Fetch(t.Context(), pin.Server{URL: server.URL() + fake.MCPPath, Headers: http.Header{}}); err == nil {
		t.Error("a server that refuses us has been pinned")
	}
}

func TestRepository(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "servers.yaml", `apiVersion: bartizan/v1
kind: McpServer
metadata: { name: warehouse }
spec: { url: "https://w.example.com/mcp", credential: { secret: w-token, header: x-key } }
`)
	if _, err := pin.Find(t.Context(), dir, "other"); err == nil {
		t.Error("a server that there is not was found")
	}
	place, err := pin.Find(t.Context(), dir, "warehouse")
	if err != nil || place.URL != "https://w.example.com/mcp" || place.Before != nil || place.Credential != (pin.Credential{Secret: "w-token", Header: "x-key"}) {
		t.Fatal(place, err)
	}
	offer := pin.Offer{mcp.ItemTool: {[]byte(`{"name":"a","description":"Reads.\u200b"}`), []byte(`{"name":"b"}`)}, mcp.ItemPrompt: nil}
	set, err := offer.Set("warehouse")
	if err != nil {
		t.Fatal(err)
	}
	if err := place.Write(dir, set); err != nil {
		t.Fatal(err)
	}
	again, err := pin.Find(t.Context(), dir, "warehouse")
	if err != nil || again.File != "pins/warehouse.yaml" || len(pin.Diff(again.Before, set)) > 0 {
		t.Fatalf("%+v %v", again, err)
	}
	next, err := pin.Offer{mcp.ItemTool: {[]byte(`{"name":"a","description":"Writes."}`), []byte(`{"name":"c"}`)}, mcp.ItemPrompt: nil}.Set("warehouse")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range pin.Diff(again.Before, next) {
		got = append(got, fmt.Sprintf("%s %s %s %q", c.What, c.Kind, c.Name, c.Diff))
	}
	want := []string{`changed tool a ["- Reads.\\u{200B}" "+ Writes."]`, `removed tool b []`, `added tool c []`}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestCredential(t *testing.T) {
	dir := t.TempDir()
	c := pin.Credential{Secret: "w", Header: "authorization", Prefix: "Bearer "}
	if err := c.Present(dir, http.Header{}); err == nil || !strings.Contains(err.Error(), "--header") {
		t.Error(err)
	}
	write(t, dir, "w", "s3cret")
	h := http.Header{}
	if err := c.Present(dir, h); err != nil || h.Get("Authorization") != "Bearer s3cret" {
		t.Error(h, err)
	}
	given := http.Header{"Authorization": {"Bearer mine"}}
	if err := c.Present(dir, given); err != nil || given.Get("Authorization") != "Bearer mine" {
		t.Error(given, err)
	}
}

func TestUnpinnable(t *testing.T) {
	for _, tools := range []string{`[{"name":"a"},{"name":"a"}]`, `[{"name":"a","Description":"x"}]`, `[{}]`} {
		var raw []json.RawMessage
		if err := json.Unmarshal([]byte(tools), &raw); err != nil {
			t.Fatal(err)
		}
		offer := pin.Offer{}
		for _, r := range raw {
			offer[mcp.ItemTool] = append(offer[mcp.ItemTool], r)
		}
		if _, err := offer.Set("w"); err == nil {
			t.Errorf("%s can be pinned", tools)
		}
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
