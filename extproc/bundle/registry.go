package bundle

import (
	"fmt"
	"slices"
	"time"

	"bartizan/filters"
	"bartizan/filters/access"
	"bartizan/filters/manifest"
	"bartizan/filters/mcp"
	"bartizan/filters/pins"
	"bartizan/xds/bundlepb"
)

// registry reads the contract's form of the registry of MCP servers. Words that this replica does not know are errors.
func registry(pb *bundlepb.Bundle, memory *access.Memory) (*access.Registry, error) {
	var docs access.Documents
	for _, s := range pb.GetMcpServers() {
		one, err := server(s)
		if err != nil {
			return nil, fmt.Errorf("McpServer %s: %w", s.GetName(), err)
		}
		docs.Servers = append(docs.Servers, one)
	}
	for _, a := range pb.GetToolAccess() {
		one, err := toolAccess(a)
		if err != nil {
			return nil, fmt.Errorf("ToolAccess %s: %w", a.GetName(), err)
		}
		docs.Access = append(docs.Access, one)
	}
	for _, p := range pb.GetMcpPins() {
		one, err := pinned(p)
		if err != nil {
			return nil, fmt.Errorf("McpPins %s: %w", p.GetName(), err)
		}
		docs.Pins = append(docs.Pins, one)
	}
	r, errs := access.New(docs, memory)
	if err := errs.Err(); err != nil {
		return nil, fmt.Errorf("compile the registry of MCP servers of commit %s: %w", pb.GetCommit(), err)
	}
	return r, nil
}

func server(pb *bundlepb.McpServer) (access.Server, error) {
	s := access.Server{
		Name: pb.GetName(), Tools: make(map[string]filters.ToolAnnotations, len(pb.GetTools())),
		About:     filters.MCPServer{Labels: pb.GetLabels(), Owner: pb.GetOwner(), Classification: pb.GetClassification()},
		VisibleTo: expression(pb.GetFile(), pb.GetVisibleTo()),
		URL:       pb.GetUrl(), ConnectorIDs: pb.GetConnectorIds(), Scopes: pb.GetScopes(),
		Off: pb.GetOff(), Origins: pb.GetOrigins(), MaxTTL: time.Duration(pb.GetListTtlMs()) * time.Millisecond, Scan: access.Scan(pb.GetScan()),
	}
	if !slices.Contains(append(access.Scans(), ""), s.Scan) {
		return s, fmt.Errorf("this replica does not know scan %q", s.Scan)
	}
	for _, off := range s.Off {
		if !slices.Contains(mcp.Capabilities(), off) {
			return s, fmt.Errorf("this replica cannot switch off %q", off)
		}
	}
	for _, t := range pb.GetTools() {
		a := filters.DefaultToolAnnotations()
		override(&a.ReadOnly, t.ReadOnly)
		override(&a.Destructive, t.Destructive)
		override(&a.Idempotent, t.Idempotent)
		override(&a.OpenWorld, t.OpenWorld)
		s.Tools[t.GetName()] = a
	}
	return s, nil
}

func override(dst *bool, v *bool) {
	if v != nil {
		*dst = *v
	}
}

func toolAccess(pb *bundlepb.ToolAccess) (*access.ToolAccess, error) {
	at := manifest.Position{File: pb.GetFile(), Line: 1, Column: 1}
	a := &access.ToolAccess{
		Name: pb.GetName(), At: at, Labels: pb.GetLabels(), Expression: expression(pb.GetFile(), pb.GetExpression()), Reason: pb.GetReason(),
	}
	for _, name := range pb.GetServers() {
		a.Servers = append(a.Servers, manifest.String{Value: name, Position: at})
	}
	for _, k := range pb.GetKinds() {
		kind := mcp.ItemKind(k)
		if !slices.Contains(access.Kinds(), kind) {
			return nil, fmt.Errorf("this replica does not know items of kind %q", kind)
		}
		a.Kinds = append(a.Kinds, kind)
	}
	return a, nil
}

// models reads the contract's form of all ModelAccess documents.
func models(pb *bundlepb.Bundle) (*access.Models, error) {
	var docs []*access.ModelAccess
	for _, a := range pb.GetModelAccess() {
		at := manifest.Position{File: a.GetFile(), Line: 1, Column: 1}
		doc := &access.ModelAccess{Name: a.GetName(), At: at, Expression: expression(a.GetFile(), a.GetExpression()), Reason: a.GetReason()}
		for _, name := range a.GetProviders() {
			doc.Providers = append(doc.Providers, manifest.String{Value: name, Position: at})
		}
		for _, name := range a.GetModels() {
			doc.Models = append(doc.Models, manifest.String{Value: name, Position: at})
		}
		docs = append(docs, doc)
	}
	known, errs := access.NewModels(docs, nil)
	if err := errs.Err(); err != nil {
		return nil, fmt.Errorf("compile the ModelAccess documents of commit %s: %w", pb.GetCommit(), err)
	}
	return known, nil
}

func pinned(pb *bundlepb.McpPins) (*pins.Set, error) {
	set := &pins.Set{Name: pb.GetName(), Server: manifest.String{Value: pb.GetServer()}, Items: map[mcp.ItemKind]map[string]pins.Pin{}}
	for _, k := range pb.GetKinds() {
		kind := mcp.ItemKind(k.GetKind())
		if !slices.Contains(pins.Kinds(), kind) {
			return nil, fmt.Errorf("this replica does not pin items of kind %q", kind)
		}
		items := make(map[string]pins.Pin, len(k.GetPins()))
		for _, p := range k.GetPins() {
			if len(p.GetSha256()) != len(pins.Digest{}) {
				return nil, fmt.Errorf("%s %s: digest of %d bytes", kind, p.GetName(), len(p.GetSha256()))
			}
			items[p.GetName()] = pins.Pin{Digest: pins.Digest(p.GetSha256())}
		}
		set.Items[kind] = items
	}
	return set, nil
}

// expression is an expression with its place in a file.
func expression(file string, e *bundlepb.Expression) manifest.String {
	where := manifest.Position{File: file, Line: int(e.GetLine()), Column: int(e.GetColumn())}
	return manifest.String{Value: e.GetText(), Position: where, Indent: int(e.GetIndent())}
}
