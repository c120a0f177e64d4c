package resource

import (
	"slices"
	"strings"

	"bartizan/filters"
)

// deployments is how the names of operations begin that let a provider run an agent by itself, at set times
// (https://platform.claude.com/docs/en/managed-agents/scheduled-deployments).
const deployments = "deployments."

// deployment reads a member of a deployment that says when it is to run, or with what that the provider keeps; it says no to all others.
// What such a member says beside that is content like all else.
func (r *reader) deployment(name string) bool {
	kind := r.Kind()
	switch {
	case name == "schedule" && kind == '{':
		said := r.texts(name, "expression", "timezone")
		r.declare(filters.DeclaresSchedule, strings.TrimSpace(said[0]+" "+said[1]))
	case name == "agent" && kind == '{':
		r.declare(filters.DeclaresHistory, r.texts(name, "id")[0])
	case name == "agent" && kind == '"':
		r.declare(filters.DeclaresHistory, r.String())
	case name == "environment_id" && kind == '"':
		r.declare(filters.DeclaresContainer, r.String())
	case name == "vault_ids" && kind == '[':
		for range r.Array() {
			if r.Kind() == '"' {
				r.declare(filters.DeclaresHistory, r.String())
			} else {
				r.value(content(name))
			}
		}
	case name == "resources" && kind == '[':
		for range r.Array() {
			r.mounted(name)
		}
	default:
		return false
	}
	return true
}

// texts reads an object within field, and returns the texts of the members that are wanted; all others are content.
func (r *reader) texts(field string, wanted ...string) []string {
	said := make([]string, len(wanted))
	for member := range r.Object() {
		if i := slices.Index(wanted, string(member)); i >= 0 && r.Kind() == '"' {
			said[i] = r.String()
		} else {
			r.value(content(field))
		}
	}
	return said
}

// mounted reads what a container of a deployment finds: {type, …} of a file, a store or a repository. The credential for a repository is
// left where it is.
func (r *reader) mounted(field string) {
	if r.Kind() != '{' {
		r.value(content(field))
		return
	}
	for member := range r.Object() {
		switch name, text := string(member), r.Kind() == '"'; {
		case text && name == "file_id":
			r.declare(filters.DeclaresFile, r.String())
		case text && name == "memory_store_id":
			r.declare(filters.DeclaresHistory, r.String())
		case text && name == "authorization_token":
			r.Skip()
		default:
			r.value(content(field))
		}
	}
}

// declare declares something of the value that was read last.
func (r *reader) declare(kind, name string) {
	r.Declare(filters.Declaration{Kind: kind, Name: name, Pointer: r.Pointer()})
}
