package strictjson

import "testing"

func TestDigest(t *testing.T) {
	same := [][2]string{
		{`{"a":1,"b":[true,null]}`, ` { "b" : [ true , null ], "a" : 1.0 } `},
		{`{"q":"Größe"}`, `{"q":"Gr\u00f6\u00dfe"}`},
		{`{}`, "{ }"},
	}
	for _, pair := range same {
		a, okA := Digest([]byte(pair[0]))
		b, okB := Digest([]byte(pair[1]))
		if !okA || !okB || a != b {
			t.Errorf("%s and %s: %x %t, %x %t", pair[0], pair[1], a, okA, b, okB)
		}
	}
	a, _ := Digest([]byte(`{"a":1}`))
	if b, ok := Digest([]byte(`{"a":2}`)); !ok || a == b {
		t.Error("two values have one digest")
	}
	for _, bad := range []string{``, `{`, `{"a":1,"a":1}`, `{} {}`, "\"\xff\""} {
		if _, ok := Digest([]byte(bad)); ok {
			t.Errorf("%q has a digest", bad)
		}
	}
}
