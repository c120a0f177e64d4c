package aggregate

import (
	"slices"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// separator stands between a server's name, which is a label of lower-case letters, digits and '-', and a name of the server's: so
// the first one is ours, whatever the server's own names hold.
const separator = "__"

// maxName is the longest name of a tool (2025-11-25, server/tools, Tool Names). One that would become longer is left out of the list,
// by name, and can be called at its server's own endpoint.
const maxName = 128

// join names a tool, prompt or task of a server.
func join(server, name string) string { return server + separator + name }

func split(name string) (server, own string, ok bool) { return strings.Cut(name, separator) }

// uriMark stands between a server's name and a URI of the server's. Both together are a URI again, and a template a template: the
// scheme "warehouse+sales". A label may begin with a digit and a scheme may not, so then it is "mcp-2nd+sales".
const (
	uriMark = "+"
	uriHelp = "mcp-"
)

func joinURI(server, uri string) string {
	if server[0] >= '0' && server[0] <= '9' || strings.HasPrefix(server, uriHelp) {
		server = uriHelp + server
	}
	return server + uriMark + uri
}

func splitURI(uri string) (server, own string, ok bool) {
	server, own, ok = strings.Cut(uri, uriMark)
	return strings.TrimPrefix(server, uriHelp), own, ok
}

// listing is how a list is merged.
type listing struct {
	items string // the member of the result that holds the items
	key   string // what of an item is named by its server
	join  func(server, own string) string
}

var lists = map[string]listing{
	"tools/list":               {"tools", "name", join},
	"prompts/list":             {"prompts", "name", join},
	"resources/list":           {"resources", "uri", joinURI},
	"resources/templates/list": {"resourceTemplates", "uriTemplate", joinURI},
	"tasks/list":               {"tasks", "taskId", join},
}

// reference is how a request names what it wants.
type reference struct {
	key     string
	split   func(string) (server, own string, ok bool)
	unknown string // what one is called that is not there
}

var (
	toTool     = reference{"name", split, "Unknown tool: "}
	toPrompt   = reference{"name", split, "Unknown prompt: "}
	toResource = reference{"uri", splitURI, "Resource not found: "}
	toTask     = reference{"taskId", split, "Unknown task: "}
)

var references = map[string]reference{
	"tools/call": toTool, "prompts/get": toPrompt,
	"resources/read": toResource, "resources/subscribe": toResource, "resources/unsubscribe": toResource,
	"tasks/get": toTask, "tasks/result": toTask, "tasks/update": toTask, "tasks/cancel": toTask,
}

// address finds the server of a request among those that the caller may see, and gives the params the server's own name.
func address(m *message, servers []string) (server string, err error) {
	if ref, ok := references[m.method]; ok {
		return ref.find(&m.params, servers)
	}
	if m.method != "completion/complete" {
		return "", failure(codeNotFound, "method %s is not served at the endpoint for all servers", m.method)
	}
	of, kind := m.params.object("ref"), toPrompt
	if of.has("uri") {
		kind = toResource
	}
	server, err = kind.find(&of, servers)
	m.params.set("ref", of.encode())
	return server, err
}

func (r reference) find(in *object, servers []string) (string, error) {
	name := in.text(r.key)
	server, own, ok := r.split(name)
	if !ok || own == "" || !slices.Contains(servers, server) {
		return "", failure(codeInvalidParams, "%s%s", r.unknown, name)
	}
	in.set(r.key, quote(own))
	return server, nil
}

// adopt gives what a server says the names under which the client can ask for it: URIs of contents, ids of tasks. Everything else
// stays as it is.
func adopt(server string, result jsontext.Value) jsontext.Value {
	o, err := parseObject(result)
	if err != nil {
		return result
	}
	changed := adoptTask(server, &o)
	for _, list := range []string{"contents", "content"} {
		changed = o.each(list, func(item *object) bool { return adoptContent(server, item) }) || changed
	}
	changed = o.each("messages", func(item *object) bool {
		return item.inner("content", func(content *object) bool { return adoptContent(server, content) })
	}) || changed
	changed = o.inner("result", func(inner *object) bool { // of a task that is done
		*inner, _ = parseObject(adopt(server, inner.encode()))
		return true
	}) || changed
	if !changed {
		return result
	}
	return o.encode()
}

func adoptContent(server string, item *object) bool {
	changed := item.own("uri", func(uri string) string { return joinURI(server, uri) })
	return item.inner("resource", func(r *object) bool {
		return r.own("uri", func(uri string) string { return joinURI(server, uri) })
	}) || changed
}

const relatedTask = "io.modelcontextprotocol/related-task"

func adoptTask(server string, o *object) bool {
	rename := func(t *object) bool { return t.own("taskId", func(id string) string { return join(server, id) }) }
	changed := rename(o)
	changed = o.inner("task", rename) || changed
	return o.inner("_meta", func(meta *object) bool { return meta.inner(relatedTask, rename) }) || changed
}

// adoptNotice does the same for the params of a notification.
func adoptNotice(server string, m *message) {
	switch {
	case m.method == "notifications/resources/updated":
		m.params.own("uri", func(uri string) string { return joinURI(server, uri) })
	case strings.HasPrefix(m.method, "notifications/tasks"):
		m.params, _ = parseObject(adopt(server, m.params.encode()))
	}
}

// own changes a member that is a string.
func (o *object) own(name string, change func(string) string) bool {
	s, ok := unquote(o.get(name))
	if ok {
		o.set(name, quote(change(s)))
	}
	return ok
}

// inner changes a member that is an object.
func (o *object) inner(name string, change func(*object) bool) bool {
	inner, err := parseObject(o.get(name))
	if err != nil || !change(&inner) {
		return false
	}
	o.set(name, inner.encode())
	return true
}

// each changes the objects of a member that is an array.
func (o *object) each(name string, change func(*object) bool) bool {
	items, any := parseArray(o.get(name)), false
	for i, item := range items {
		if inner, err := parseObject(item); err == nil && change(&inner) {
			items[i], any = inner.encode(), true
		}
	}
	if any {
		o.set(name, encodeArray(items))
	}
	return any
}
