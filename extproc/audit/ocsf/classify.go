package ocsf

import (
	"strconv"

	"bartizan/filters"
)

// enum is an OCSF enumeration value: its id and caption. The ids are those of the schema's dictionary and the profile
// security_control, version 1.8.0.
type enum struct {
	id   int64
	name string
}

// class is what a record amounts to in OCSF's enumerations.
type class struct {
	action      enum
	disposition enum
	severity    enum
	status      enum
	code        string // status_code: refusal kind, else the upstream's error, else the HTTP status
}

func classify(r *filters.Record, x *filters.Exchange) class {
	c := class{severity: severity(r), status: status(r), code: code(r, x)}
	c.action, c.disposition = enum{1, "Allowed"}, enum{1, "Allowed"}
	if !r.Judged {
		c.action, c.disposition = enum{0, "Unknown"}, enum{0, "Unknown"} // nobody has allowed it
	}
	switch {
	case r.Refusal != nil:
		c.action, c.disposition = enum{2, "Denied"}, refused(r.Refusal.Kind)
	case r.Outcome == filters.OutcomeDeny:
		c.action, c.disposition = enum{2, "Denied"}, enum{2, "Blocked"}
	case r.Outcome == filters.OutcomeError:
		c.disposition = enum{27, "Error"}
	case r.Outcome == filters.OutcomeFlag:
		c.disposition = enum{19, "Alert"}
	case r.Outcome == filters.OutcomeRedact:
		c.action, c.disposition = enum{4, "Modified"}, enum{11, "Corrected"}
	case r.Outcome == filters.OutcomeQuarantine:
		c.action, c.disposition = enum{4, "Modified"}, enum{3, "Quarantined"}
	}
	return c
}

// deciding is the verdict that decided: about the request, or about the answer where that came to a higher action.
func deciding(r *filters.Record) *filters.Verdict {
	if r.Decision.Deciding == nil || r.Answer.Deciding != nil && r.Answer.Action > r.Decision.Action {
		return r.Answer.Deciding
	}
	return r.Decision.Deciding
}

func refused(k filters.RefusalKind) enum {
	switch k {
	case filters.RefusedByPolicy:
		return enum{2, "Blocked"}
	case filters.RefusedIdentity, filters.RefusedScope:
		return enum{26, "Unauthorized"}
	case filters.RefusedInternal, filters.RefusedUpstream, filters.RefusedUnrecordable:
		return enum{27, "Error"}
	}
	return enum{25, "Rejected"}
}

func status(r *filters.Record) enum {
	switch {
	case r.Phase == phaseIntent:
		return enum{0, "Unknown"} // the exchange has not happened yet
	case r.Outcome == filters.OutcomeAborted:
		return enum{99, "Aborted"}
	case r.Outcome == filters.OutcomeDeny, r.Outcome == filters.OutcomeError, r.Status >= 400:
		return enum{2, "Failure"}
	}
	return enum{1, "Success"}
}

func code(r *filters.Record, x *filters.Exchange) string {
	switch {
	case r.Refusal != nil:
		return string(r.Refusal.Kind)
	case x.Response.Error != "":
		return x.Response.Error
	case r.Status != 0:
		return strconv.Itoa(r.Status)
	}
	return ""
}

// severity is the highest of the rules that matched; a fault of ours is never less than medium.
func severity(r *filters.Record) enum {
	top := enum{1, "Informational"}
	if r.Outcome == filters.OutcomeError {
		top = enum{3, "Medium"}
	}
	for _, verdicts := range [...][]filters.Verdict{r.Decision.Verdicts, r.Answer.Verdicts} {
		for i := range verdicts {
			if s := ranked(verdicts[i].Severity); verdicts[i].Outcome != filters.NotMatched && s.id > top.id {
				top = s
			}
		}
	}
	return top
}

func ranked(s filters.Severity) enum {
	switch s {
	case filters.SeverityLow:
		return enum{2, "Low"}
	case filters.SeverityMedium:
		return enum{3, "Medium"}
	case filters.SeverityHigh:
		return enum{4, "High"}
	case filters.SeverityCritical:
		return enum{5, "Critical"}
	}
	return enum{1, "Informational"}
}
