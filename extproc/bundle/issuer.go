package bundle

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/types/known/structpb"

	"bartizan/filters"
	"bartizan/filters/access"
	"bartizan/xds/bundlepb"
)

// Entry is what a route asks of those who call.
type Entry struct {
	Resource    string   // resource identifier (RFC 8707); empty: tokens are not believed here
	MetadataURL string   // where a caller without a token finds who gives one (RFC 9728); empty: he is not sent there
	Scopes      []string // each of which a token must have
	Document    []byte   // the route is the metadata of another: what it answers to everybody
	Passthrough bool     // the caller brings the upstream's credential

	Subscription *regexp.Regexp // the form that this credential must have; nil: any
	Connectors   access.Connectors
	Onward       []string // headers of the answer that name the address at which the caller goes on
}

// Token is what Envoy says of a token that the caller sent. Envoy has checked its signature, its issuer and its times.
type Token struct {
	Claims    map[string]*structpb.Value // nil: none was verified
	Algorithm string
	Failure   string // why it was not, in Envoy's words
}

// Entry tells what a route of the bundle asks of its callers.
func (b *Bundle) Entry(route string) Entry { return b.routes[route].entry }

// TakesTokens tells whether there is any issuer whose tokens are believed.
func (b *Bundle) TakesTokens() bool { return len(b.issuers) > 0 }

// IdentifyToken finds whose token it is, if it is for this resource. Its errors are for the caller to read, and quote nothing of the
// token but its audience.
func (b *Bundle) IdentifyToken(t Token, resource string) (filters.Identity, error) {
	nobody := filters.Identity{}
	if t.Claims == nil {
		return nobody, fmt.Errorf("this token is not accepted: %s", cmp.Or(t.Failure, "its issuer is not one of the gateway's"))
	}
	issuer, known := b.issuers[t.Claims["iss"].GetStringValue()]
	if !known {
		return nobody, fmt.Errorf("this token is not accepted: its issuer is not one of the gateway's")
	}
	if !slices.Contains(issuer.GetAlgorithms(), t.Algorithm) {
		return nobody, fmt.Errorf("this token is not accepted: issuer %s does not sign like this", issuer.GetName())
	}
	wanted := issuer.GetAudiences()
	if len(wanted) == 0 && resource != "" {
		wanted = []string{resource}
	}
	if audiences := texts(t.Claims["aud"]); !slices.ContainsFunc(audiences, func(a string) bool { return slices.Contains(wanted, a) }) {
		return nobody, fmt.Errorf("this token is for another audience: want %s", strings.Join(wanted, " or "))
	}
	user := strings.Join(texts(find(t.Claims, issuer.GetUser())), "")
	if user == "" {
		return nobody, fmt.Errorf("this token does not say who you are: it has no claim %s", issuer.GetUser())
	}
	return filters.Identity{
		Method: filters.IdentityByToken, User: user, Issuer: issuer.GetName(),
		Groups: texts(find(t.Claims, issuer.GetGroups())), Scopes: scopes(t.Claims), Claims: others(t.Claims, issuer.GetClaims()),
	}, nil
}

// scopes are in scope, separated by spaces (RFC 9068, section 2.2.3), or with some issuers in scp, as text or as a list.
func scopes(claims map[string]*structpb.Value) []string {
	var all []string
	for _, name := range []string{"scope", "scp"} {
		for _, text := range texts(claims[name]) {
			all = append(all, strings.Fields(text)...)
		}
	}
	return all
}

func others(claims map[string]*structpb.Value, names []string) map[string]string {
	found := map[string]string{}
	for _, name := range names {
		if v := find(claims, name); v != nil {
			found[name] = strings.Join(texts(v), ",")
		}
	}
	return found
}

// find looks for a claim by its name, which may hold dots, else by its path.
func find(claims map[string]*structpb.Value, name string) *structpb.Value {
	if v, ok := claims[name]; ok {
		return v
	}
	parent, rest, nested := strings.Cut(name, ".")
	if inner := claims[parent].GetStructValue(); nested && inner != nil {
		return find(inner.GetFields(), rest)
	}
	return nil
}

// texts reads a claim that is text, a number, a truth value or a list of these; all else is nothing.
func texts(v *structpb.Value) []string {
	switch kind := v.GetKind().(type) {
	case *structpb.Value_StringValue:
		return []string{kind.StringValue}
	case *structpb.Value_NumberValue:
		return []string{strconv.FormatFloat(kind.NumberValue, 'f', -1, 64)}
	case *structpb.Value_BoolValue:
		return []string{strconv.FormatBool(kind.BoolValue)}
	case *structpb.Value_ListValue:
		var all []string
		for _, item := range kind.ListValue.GetValues() {
			if item.GetListValue() == nil {
				all = append(all, texts(item)...)
			}
		}
		return all
	default:
		return nil
	}
}

func (b *Bundle) addIssuers(pb *bundlepb.Bundle) error {
	for _, i := range pb.GetIssuers() {
		if _, twice := b.issuers[i.GetUrl()]; twice || i.GetUrl() == "" {
			return fmt.Errorf("issuer %s: want a url of its own", i.GetName())
		}
		if i.GetUser() == "" || len(i.GetAlgorithms()) == 0 {
			return fmt.Errorf("issuer %s: names no claim of the user, or no algorithm", i.GetName())
		}
		b.issuers[i.GetUrl()] = i
	}
	return nil
}

func entry(route *bundlepb.Route) Entry {
	r := route.GetResource()
	return Entry{
		Resource: r.GetId(), MetadataURL: r.GetMetadataUrl(), Scopes: r.GetScopes(), Document: r.GetDocument(), Passthrough: route.GetPassthrough(),
		Connectors: access.Connectors(route.GetConnectors()),
	}
}
