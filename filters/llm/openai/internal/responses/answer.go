package responses

import (
	"bartizan/filters"
	"bartizan/filters/strictjson"
)

type reading struct{ x *filters.Exchange }

func (r *reading) Event(d *strictjson.Decoder, data []byte) error { return nil }
func (r *reading) Body(d *strictjson.Decoder) error               { return nil }
func (r *reading) CutEvent(why filters.Refusal) []byte            { return nil }
func (r *reading) CutBody(why filters.Refusal) []byte             { return nil }
