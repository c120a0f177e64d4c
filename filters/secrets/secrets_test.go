package secrets

import "testing"

func TestMask(t *testing.T) {
	for in, want := range map[string]string{
		"nothing here, sk-ip it, a bz-key, eyJust a word":         "nothing here, sk-ip it, a bz-key, eyJust a word",
		"key sk-ant-api03-AAAAAAAAAAAAAAAA.":                      "key [redacted].",
		`{"key":"AIzaSyA-1234567890123456789012345678901"}`:       `{"key":"[redacted]"}`,
		"Authorization: Bearer abcdef123456":                      "Authorization: Bearer [redacted]",
		`{"authorization_token" : "a\"b","max_tokens":5}`:         `{"authorization_token" : "[redacted]","max_tokens":5}`,
		`{"apiKey":"x","password":"","tokens":"many"}`:            `{"apiKey":"[redacted]","password":"","tokens":"many"}`,
		"-----BEGIN RSA PRIVATE KEY-----\nMIIE+/=\n-----END":      "[redacted]-----END",
		"t eyJhbGciOiJI.eyJzdWIiOiIx.c2lnbmF0dXJl, t":             "t [redacted], t",
		"AKIAABCDEFGHIJKLMNOP ghp_aaaaaaaaaabbbbbbbbbbcccccccccc": "[redacted] [redacted]",
	} {
		if got := string(Mask([]byte(in))); got != want {
			t.Errorf("%s\n got %s\nwant %s", in, got, want)
		}
	}
}
