package snapshot

import (
	"slices"

	"bartizan/filters/access"
	"bartizan/filters/manifest"
	"bartizan/filters/mcp"
	"bartizan/filters/pins"
	"bartizan/xds/bundlepb"
)

func (r *repository) addAccess(doc *manifest.Document) {
	a, errs := access.Decode(doc)
	if r.report(errs...); a != nil {
		r.access = append(r.access, a)
	}
}

func (r *repository) addModels(doc *manifest.Document) {
	a, errs := access.DecodeModels(doc)
	if r.report(errs...); a != nil {
		r.models = append(r.models, a)
	}
}

func (r *repository) addPins(doc *manifest.Document) {
	set, errs := pins.Decode(doc)
	if r.report(errs...); set != nil {
		r.pins = append(r.pins, set)
	}
}

// registry checks what servers and the documents about them say of one another.
func (r *repository) registry() {
	docs := access.Documents{Access: r.access, Pins: r.pins}
	for _, s := range r.servers {
		docs.Servers = append(docs.Servers, s.registered)
	}
	if r.unread {
		docs.Access, docs.Pins = nil, nil // a server that they name may be what could not be read
	}
	known, errs := access.New(docs, nil)
	if r.report(errs...); known != nil {
		r.warnings = append(r.warnings, known.Warnings()...)
	}
}

// modelAccess checks what documents say of providers.
func (r *repository) modelAccess() {
	providers := make(map[string]string, len(r.providers))
	for _, p := range r.providers {
		providers[p.name] = p.dialect.Name
	}
	if r.unreadProvider {
		providers = nil // one that they name may be what could not be read
	}
	known, errs := access.NewModels(r.models, providers)
	if r.report(errs...); known != nil {
		r.warnings = append(r.warnings, known.Warnings()...)
	}
}

func bundleModels(list []*access.ModelAccess) []*bundlepb.ModelAccess {
	var out []*bundlepb.ModelAccess
	for _, a := range list {
		b := &bundlepb.ModelAccess{Name: a.Name, File: a.At.File, Providers: values(a.Providers), Models: values(a.Models), Reason: a.Reason}
		if a.Expression.Value != "" {
			b.Expression = expression(a.Expression)
		}
		out = append(out, b)
	}
	slices.SortFunc(out, byName[*bundlepb.ModelAccess])
	return out
}

func bundleAccess(list []*access.ToolAccess) []*bundlepb.ToolAccess {
	var out []*bundlepb.ToolAccess
	for _, a := range list {
		b := &bundlepb.ToolAccess{Name: a.Name, File: a.At.File, Labels: a.Labels, Expression: expression(a.Expression), Reason: a.Reason}
		for _, s := range a.Servers {
			b.Servers = append(b.Servers, s.Value)
		}
		for _, k := range a.Kinds {
			b.Kinds = append(b.Kinds, string(k))
		}
		out = append(out, b)
	}
	slices.SortFunc(out, byName[*bundlepb.ToolAccess])
	return out
}

func bundlePins(list []*pins.Set) []*bundlepb.McpPins {
	var out []*bundlepb.McpPins
	for _, set := range list {
		b := &bundlepb.McpPins{Name: set.Name, Server: set.Server.Value}
		for _, kind := range set.Kinds() {
			b.Kinds = append(b.Kinds, bundleKind(set, kind))
		}
		out = append(out, b)
	}
	slices.SortFunc(out, byName[*bundlepb.McpPins])
	return out
}

func bundleKind(set *pins.Set, kind mcp.ItemKind) *bundlepb.McpPinnedKind {
	b := &bundlepb.McpPinnedKind{Kind: string(kind)}
	for _, name := range set.Names(kind) {
		pin, _ := set.Get(kind, name)
		b.Pins = append(b.Pins, &bundlepb.McpPin{Name: name, Sha256: pin.Digest[:]})
	}
	return b
}
