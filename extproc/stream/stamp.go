package stream

import "google.golang.org/protobuf/types/known/structpb"

// Namespace is the dynamic metadata namespace that extproc writes and that Envoy's RBAC filter and access log read.
const Namespace = "bartizan"

// The values of Namespace/request.
const (
	StampSeen    = "seen"    // the request headers were answered; nothing is decided
	StampJudged  = "judged"  // the request was judged and may go on: what the RBAC filter asks for
	StampRefused = "refused" // the gateway answered in the upstream's place
)

// Stamp holds the metadata of every answer. It is built once and shared: nothing may change it.
type Stamp struct {
	instance              string
	seen, judged, refused *structpb.Struct
}

// NewStamp returns the stamps of one process. The instance tells the access log which process was responsible for the record
// of an exchange.
func NewStamp(instance string) *Stamp {
	return &Stamp{
		instance: instance,
		seen:     stampOf(StampSeen, instance), judged: stampOf(StampJudged, instance), refused: stampOf(StampRefused, instance),
	}
}

// named is seen, with the decision that the caller was told of: the access log, which makes the record, gives it that name.
func (s *Stamp) named(decision string) *structpb.Struct {
	stamp := stampOf(StampSeen, s.instance)
	stamp.Fields[Namespace].GetStructValue().Fields["decision"] = structpb.NewStringValue(decision)
	return stamp
}

func stampOf(state, instance string) *structpb.Struct {
	fields := map[string]*structpb.Value{"request": structpb.NewStringValue(state), "by": structpb.NewStringValue(instance)}
	inner := structpb.NewStructValue(&structpb.Struct{Fields: fields})
	return &structpb.Struct{Fields: map[string]*structpb.Value{Namespace: inner}}
}
