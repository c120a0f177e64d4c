package access

import (
	"strings"
	"testing"
	"time"

	"bartizan/filters"
)

func connectors() Documents {
	docs := world()
	docs.Servers[0].URL = "https://Warehouse.example.com:443/mcp"
	docs.Servers[1].URL, docs.Servers[1].Scopes = "https://mail.example.com", []string{"mail.read"}
	docs.Servers = append(docs.Servers, Server{Name: "drive", ConnectorIDs: []string{"connector_googledrive"}})
	return docs
}

func declares(declarations ...filters.Declaration) *filters.Exchange {
	x := asks("openai", "finance", "gpt-5.2")
	x.LLM.Declarations = declarations
	return x
}

func server1(url, connector string, tools ...string) filters.Declaration {
	return filters.Declaration{Kind: filters.DeclaresMCPServer, Name: "one", URL: url, Connector: connector, Tools: tools, Pointer: "/tools/0"}
}

// TestConnectors: a provider connects only where the caller may, and in the words of the registry.
func TestConnectors(t *testing.T) {
	r := newRegistry(t, connectors(), nil)
	for _, c := range []struct {
		name    string
		x       *filters.Exchange
		refused bool
	}{
		{"nothing declared", declares(filters.Declaration{Kind: filters.DeclaresServerTool, Name: "web_search"}), false},
		{"registered", declares(server1("https://warehouse.example.com/mcp", "")), false},
		{"in other letters", declares(server1("HTTPS://WAREHOUSE.example.com:443/mcp", "")), false},
		{"another path", declares(server1("https://warehouse.example.com/mcp/", "")), true},
		{"a path in capitals", declares(server1("https://warehouse.example.com/MCP", "")), true},
		{"another scheme", declares(server1("http://warehouse.example.com/mcp", "")), true},
		{"another port", declares(server1("https://warehouse.example.com:8443/mcp", "")), true},
		{"a query", declares(server1("https://warehouse.example.com/mcp?to=evil", "")), true},
		{"a user", declares(server1("https://warehouse.example.com@evil.example.com/mcp", "")), true},
		{"an escape", declares(server1("https://warehouse.example.com/%6dcp", "")), true},
		{"another host", declares(server1("https://warehouse.example.com.evil.example.com/mcp", "")), true},
		{"no URL", declares(server1("", "")), true},
		{"no URL at all", declares(server1("::", "")), true},
		{"for staff only", declares(server1("https://mail.example.com/", "")), true},
		{"by the provider's id", declares(server1("", "connector_googledrive")), false},
		{"by another id", declares(server1("", "connector_gmail")), true},
		{"by a tunnel", declares(server1("", "tunnel_1")), true},
		{"by an id and the URL of another", declares(server1("https://warehouse.example.com/mcp", "connector_googledrive")), true},
		{"two, one of them unknown", declares(server1("https://warehouse.example.com/mcp", ""), server1("https://evil.example.com", "")), true},
		{"a toolset of nothing", declares(filters.Declaration{Kind: filters.DeclaresMCPToolset, Name: "one"}), true},
		{"a toolset", declares(filters.Declaration{Kind: filters.DeclaresMCPToolset, Name: "one"}, server1("https://warehouse.example.com/mcp", "")), false},
	} {
		d := r.Connectors(c.x, ConnectorsRegistered)
		if refused := d.Action == filters.ActionDeny; refused != c.refused {
			t.Errorf("%s: %+v", c.name, d)
		}
		if d := r.Connectors(c.x, ConnectorsAny); d.Action != filters.ActionAllow {
			t.Errorf("%s, where any may be: %+v", c.name, d)
		}
		if d := r.Connectors(c.x, ConnectorsNone); (d.Action == filters.ActionDeny) != (c.name != "nothing declared") {
			t.Errorf("%s, where none may be: %+v", c.name, d)
		}
	}
}

// TestConnectorScopes: a token that is not good enough for the server is not good enough to have a provider use it.
func TestConnectorScopes(t *testing.T) {
	r := newRegistry(t, connectors(), nil)
	x := declares(server1("https://mail.example.com", ""))
	x.Identity = filters.Identity{Method: "jwt", Groups: []string{"staff"}, Scopes: []string{"other"}}
	if d := r.Connectors(x, ConnectorsRegistered); d.Action != filters.ActionDeny {
		t.Error("without the scope", d)
	}
	x.Identity.Scopes = []string{"mail.read"}
	if d := r.Connectors(x, ConnectorsRegistered); d.Action != filters.ActionAllow {
		t.Error("with the scope", d)
	}
}

// TestConnectorTools: where some tools of a server are not for everybody and every argument, the request says which it wants.
func TestConnectorTools(t *testing.T) {
	docs := connectors()
	docs.Access = []*ToolAccess{access("mcp.tool.name == 'query_sales' || mcp.arguments.amount < 10")}
	r := newRegistry(t, docs, nil)
	const at = "https://warehouse.example.com/mcp"
	toolset := func(tools ...string) filters.Declaration {
		return filters.Declaration{Kind: filters.DeclaresMCPToolset, Name: "one", Tools: tools}
	}
	for _, c := range []struct {
		name   string
		x      *filters.Exchange
		reason string
	}{
		{"all", declares(server1(at, "")), "not all tools of MCP server warehouse"},
		{"one that all may use", declares(server1(at, "", "query_sales")), ""},
		{"one that depends on arguments", declares(server1(at, "", "query_sales", "update_sales")), `the tool "update_sales" of MCP server warehouse cannot`},
		{"a toolset with one", declares(server1(at, ""), toolset("query_sales")), ""},
		{"a toolset with all", declares(server1(at, "", "query_sales"), toolset()), "not all tools"},
		{"two toolsets", declares(toolset("query_sales"), toolset("update_sales"), server1(at, "")), `the tool "update_sales"`},
	} {
		d := r.Connectors(c.x, ConnectorsRegistered)
		if (d.Action == filters.ActionDeny) != (c.reason != "") || d.Deciding != nil && !strings.HasPrefix(d.Deciding.Reason, c.reason) {
			t.Errorf("%s: %+v", c.name, d)
		}
	}

	docs = connectors()
	pinned(t, &docs, "warehouse", define("query_sales", "Reads."))
	r = newRegistry(t, docs, nil)
	if d := r.Connectors(declares(server1(at, "", "query_sales")), ConnectorsRegistered); d.Action != filters.ActionAllow {
		t.Error("a pinned tool", d)
	}
	if d := r.Connectors(declares(server1(at, "", "other")), ConnectorsRegistered); d.Action != filters.ActionDeny {
		t.Error("a tool without a pin", d)
	}
	if d := r.Connectors(declares(server1(at, "")), ConnectorsRegistered); d.Action != filters.ActionDeny {
		t.Error("all tools of a server with pins", d)
	}
}

// TestManyConnectors: as many as a request can declare cost no more than a list of them does.
func TestManyConnectors(t *testing.T) {
	const many = 1 << 15
	declarations := make([]filters.Declaration, 0, 2*many)
	for range many {
		declarations = append(declarations, filters.Declaration{Kind: filters.DeclaresMCPToolset, Name: "one"})
	}
	for range many {
		declarations = append(declarations, server1("https://warehouse.example.com/mcp", ""))
	}
	start := time.Now() // in the square of them it takes minutes
	if d := newRegistry(t, connectors(), nil).Connectors(declares(declarations...), ConnectorsRegistered); d.Action == filters.ActionDeny {
		t.Error(d)
	}
	if took := time.Since(start); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
}
