package stream

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"

	filterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/ext_proc/v3"
	extproc "github.com/envoyproxy/go-control-plane/envoy/service/ext_proc/v3"
	"google.golang.org/grpc/codes"

	"bartizan/extproc/audit"
	"bartizan/extproc/audit/ocsf"
	"bartizan/filters"
	"bartizan/filters/llm"
	"bartizan/filters/redact"
	"bartizan/filters/secrets"
)

// requestHeaders decides all that can be decided without the body: the route, the identity, the size, the encoding.
func (m *Machine) requestHeaders(req *extproc.ProcessingRequest, h *extproc.HttpHeaders) Output {
	in := readHeaders(h.GetHeaders())
	m.describe(req, in)
	if out, ok := m.checkProtocol(req.GetProtocolConfig()); !ok {
		return out
	}

	route, codec, known := m.cfg.Bundle.Route(attribute(req, "xds.route_name"))
	m.x.Route, m.codec = route, codec
	if !known {
		return m.noRoute()
	}
	m.at = m.cfg.Bundle.Entry(route.Name)
	if m.at.Document != nil {
		return m.publish(m.at.Document)
	}
	in.setAside(m.at)
	if refusal := m.exposed(); refusal != nil {
		return m.Refuse(*refusal)
	}
	if !m.onBehalf(in) {
		identity, refusal := identify(m.cfg.Bundle, in, readToken(req), m.at)
		if route.Surface == filters.SurfaceLLM && route.Operation == "" {
			m.x.Identity = identity
			return m.unlisted()
		}
		if refusal != nil {
			return m.Refuse(*refusal)
		}
		m.x.Identity = identity
	}
	if visible, err := m.cfg.Bundle.Visible(route, &m.x); !visible {
		return m.hidden(err)
	}
	if refusal := cmp.Or(lacking(m.x.Identity, in, m.at), m.overridden(in), m.encoded(in.encoding)); refusal != nil {
		return m.Refuse(*refusal)
	}
	declared := m.declaredLength(in)
	if declared > m.cfg.Bundle.RequestBytes {
		return m.Refuse(m.tooLarge(declared))
	}
	if h.GetEndOfStream() {
		out := m.judgeRequest(nil, m.headersAnswer(in))
		if m.phase == AwaitResponseHeaders {
			out.Admit = 1
		}
		return out
	}
	m.phase = AwaitRequestBody
	out := m.send(m.headersAnswer(in))
	out.Admit = max(declared, 1)
	if m.x.Request.Encoding != "" && in.length == "" {
		out.Admit += m.decoding() // at once: many that hold as much as this could wait for each other
	}
	return out
}

// overridden refuses what would make a provider carry out another method than the one that the route is of, or read other headers than
// those that came, as Google's APIs do.
func (m *Machine) overridden(in headers) *filters.Refusal {
	if m.x.Route.Surface != filters.SurfaceLLM {
		return nil
	}
	what := ""
	for _, name := range []string{"x-http-method-override", "x-http-method", "x-method-override"} {
		if _, sent := in.rest[name]; sent {
			what = "the header " + name
		}
	}
	if name, found := secrets.Overriding(m.x.Request.Query); found {
		what = "the parameter " + clip(name)
	}
	if what == "" {
		return nil
	}
	return &filters.Refusal{Kind: filters.RefusedMalformed, Message: what + " is not taken here: it changes what a request means"}
}

func (m *Machine) noRoute() Output {
	return m.Refuse(filters.Refusal{
		Kind:    filters.RefusedUnknown,
		Message: fmt.Sprintf("no route for %s %s: only operations that a Provider or McpServer lists are served", clip(m.x.Request.Method), clip(m.x.Request.Path)),
	})
}

// unlisted answers what a Provider does not list, whoever asks.
func (m *Machine) unlisted() Output {
	q := &m.x.Request
	what := fmt.Sprintf("%s %s is no operation of dialect %s that this gateway knows", clip(q.Method), clip(q.Path), m.x.Route.Dialect)
	dialect, _ := llm.Lookup(m.x.Route.Dialect)
	if op, known := dialect.At(q.Method, strings.TrimPrefix(q.Path, "/"+m.x.Route.Target)); known {
		what = fmt.Sprintf("%s %s is the operation %s, which is not among those that the Provider %s lists", clip(q.Method), clip(q.Path), op.Name, m.x.Route.Target)
	}
	return m.Refuse(filters.Refusal{Kind: filters.RefusedUnknown, Message: what})
}

// hidden answers a caller who may not know of a server as if there were none. The record says what there was.
func (m *Machine) hidden(why error) Output {
	m.codec = nil // its protocol would tell
	out := m.noRoute()
	if out.Record != nil {
		out.Record.Detail = "hidden_by_visible_to"
		if why != nil {
			out.Record.Detail = why.Error()
		}
	}
	return out
}

// checkProtocol refuses to work with an Envoy that was told to send less than we judge.
func (m *Machine) checkProtocol(c *extproc.ProtocolConfiguration) (Output, bool) {
	if c.GetRequestBodyMode() == filterv3.ProcessingMode_BUFFERED && c.GetResponseBodyMode() == filterv3.ProcessingMode_FULL_DUPLEX_STREAMED {
		return Output{}, true
	}
	return m.fail(codes.FailedPrecondition, "envoy's processing mode is request %s, response %s; want BUFFERED and FULL_DUPLEX_STREAMED",
		c.GetRequestBodyMode(), c.GetResponseBodyMode()), false
}

// declaredLength is the content-length; a body without one is taken to be as large as it may be.
func (m *Machine) declaredLength(in headers) int64 {
	if in.length == "" {
		return m.cfg.Bundle.RequestBytes
	}
	n, err := strconv.ParseInt(in.length, 10, 64)
	if err != nil || n < 0 {
		return m.cfg.Bundle.RequestBytes // Envoy's codec refuses such a length before us
	}
	return n
}

func (m *Machine) tooLarge(n int64) filters.Refusal {
	return filters.Refusal{
		Kind:    filters.RefusedTooLarge,
		Message: fmt.Sprintf("the request body of %d bytes is larger than the %d bytes that this gateway judges", n, m.cfg.Bundle.RequestBytes),
	}
}

// requestBody judges the whole body, which BUFFERED mode brings in one message.
func (m *Machine) requestBody(b *extproc.HttpBody) Output {
	body := b.GetBody()
	m.x.Request.BodySize = int64(len(body))
	if m.x.Request.BodySize > m.cfg.Bundle.RequestBytes {
		return m.Refuse(m.tooLarge(m.x.Request.BodySize))
	}
	if m.cfg.Bundle.Audit.Payload != ocsf.PayloadNone {
		m.x.Request.BodyHash = m.cfg.Bundle.Memory().SHA256(body)
	}
	if m.x.Request.Encoding != "" {
		return m.askToDecode(body)
	}
	return m.judgeBody(body)
}

// judgeBody judges a body that can be read.
func (m *Machine) judgeBody(body []byte) Output {
	m.keepCame(&m.payload.Request, body)
	return m.judgeRequest(body, &extproc.ProcessingResponse{Response: &extproc.ProcessingResponse_RequestBody{RequestBody: &extproc.BodyResponse{}}})
}

// judgeRequest decodes body, takes the decision and lets the request on with answer, which gets the stamp here and nowhere else.
func (m *Machine) judgeRequest(body []byte, answer *extproc.ProcessingResponse) Output {
	start := m.cfg.Clock()
	changed, err := m.decide(body)
	m.x.Forget()
	m.judging = m.cfg.Clock().Sub(start)
	if err != nil {
		return m.Refuse(filters.AsRefusal(err, m.cfg.ID))
	}
	if d := m.decision; d.Action >= filters.ActionDeny {
		return m.Refuse(d.Deciding.Refusal())
	}
	if changed != nil {
		answer.GetRequestBody().Response = replaced(changed, m.x.SetHeaders)
		if m.x.Request.Encoding != "" {
			answer.GetRequestBody().Response.HeaderMutation.RemoveHeaders = []string{"content-encoding"}
		}
	}
	m.phase, m.x.Forwarded = AwaitResponseHeaders, true
	answer.DynamicMetadata = m.cfg.Stamp.judged
	out := m.send(answer)
	if m.cfg.Bundle.Audit.Mode == audit.ModeStrict {
		out.Intent = m.intent()
	}
	return out
}

// decide reads and judges the request. It returns the body that goes on in the place of this one; nil: this one goes on.
func (m *Machine) decide(body []byte) (changed []byte, err error) {
	err = m.codec.DecodeRequest(&m.x, body)
	m.joinRequest(err == nil)
	if err != nil {
		return nil, err
	}
	var judge filters.AnswerJudge
	m.decision, judge = m.cfg.Bundle.Judge(&m.x)
	m.judged = true
	if judge != nil {
		m.judge = summing{judge, &m.answer}
	}
	if len(m.decision.Treatments) > 0 {
		err = m.codec.Treat(&m.x, body, m.decision.Treatments)
	}
	denied := m.decision.Action >= filters.ActionDeny
	if err == nil { // what is denied is shown as it would have been passed on
		changed = redact.Apply(body, m.x.Edits)
		m.keepPassed(&m.payload.Request, changed)
	}
	if denied || len(m.x.Edits) == 0 {
		changed = nil
	}
	if denied {
		err = nil
	}
	return changed, err
}
