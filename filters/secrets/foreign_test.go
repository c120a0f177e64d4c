package secrets

import "testing"

func TestForeign(t *testing.T) {
	for key, want := range map[string]string{
		"sk-ant-oat01-x": "the token of a Claude login", "sk-ant-api03-x": "a key of Anthropic", "sk-proj-x": "a key of OpenAI", "AIzaSy-x": "a key of Google",
		"bz-abcdefgh": "", "": "", "task-1": "", "eyJ.a.b": "",
	} {
		if got, is := Foreign(key); got != want || is != (want != "") {
			t.Errorf("%s: %q", key, got)
		}
	}
}

func TestInQuery(t *testing.T) {
	for query, want := range map[string]string{
		"pageSize=1&$access_token=x": "$access_token",
		"":                           "", "beta=true": "", "alt=sse&key=AIza": "key", "%6Bey=x": "key", "KEY": "key", "a=1;key=x": "key", "Access_Token=x": "access_token",
		"pageToken=x": "", "monkey=1": "", "x=key=1": "", "%zz=1&key=2": "key",
	} {
		if got, found := InQuery(query); got != want || found != (want != "") {
			t.Errorf("%s: %q", query, got)
		}
	}
}
