package responses

import (
	"cmp"

	"bartizan/filters"
)

// environment reads where the provider runs code: {type, file_ids, network_policy, skills} of a container that is made, {container_id}
// of one that exists; or the caller's own machine, which is no container.
func (r *reader) environment() {
	if r.Kind() != '{' {
		return
	}
	kind, id := "", ""
	for name := range r.Object() {
		switch string(name) {
		case "type":
			kind = r.String()
		case "container_id":
			id = string(r.MaybeText())
		case "file_ids":
			r.each(filters.DeclaresFile)
		case "network_policy":
			r.network()
		case "skills":
			if r.Kind() != '[' {
				break
			}
			for range r.Array() {
				r.skill()
			}
		}
	}
	if kind != "local" {
		r.declare(filters.DeclaresContainer, cmp.Or(id, kind))
	}
}

// each declares every text of a list.
func (r *reader) each(kind string) (n int) {
	if r.Kind() != '[' {
		return 0
	}
	for range r.Array() {
		if name := r.MaybeText(); name != nil {
			r.declare(kind, string(name))
			n++
		}
	}
	return n
}

// network reads what a container may reach: each domain by its name, a policy that names none by its type. domain_secrets are left where
// they are.
func (r *reader) network() {
	if r.Kind() != '{' {
		return
	}
	kind, domains := "", 0
	for name := range r.Object() {
		switch string(name) {
		case "type":
			kind = r.String()
		case "allowed_domains":
			domains += r.each(filters.DeclaresNetwork)
		}
	}
	if domains == 0 && kind != "disabled" {
		r.declare(filters.DeclaresNetwork, kind)
	}
}

// skill reads {skill_id} of one that lies at the provider, {name, description, source} of one that comes along, or {name, description,
// path} of one on the caller's machine.
func (r *reader) skill() {
	if r.Kind() != '{' {
		return
	}
	name, id := "", ""
	for member := range r.Object() {
		switch string(member) {
		case "skill_id":
			id = string(r.MaybeText())
		case "name":
			name = string(r.MaybeText())
		case "description":
			r.text("text/plain", filters.Block{Origin: filters.OriginToolDefinition})
		case "source":
			r.archive()
		}
	}
	r.declare(filters.DeclaresSkill, cmp.Or(id, name))
}

// archive reads {type, media_type, data} of a skill's files.
func (r *reader) archive() {
	if r.Kind() != '{' {
		return
	}
	for name := range r.Object() {
		if string(name) == "data" {
			r.text("application/zip", filters.Block{Origin: filters.OriginDocument})
		}
	}
}
