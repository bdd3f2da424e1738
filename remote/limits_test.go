package remote

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestEditions(t *testing.T) {
	narrow, wide := Edition20260608(), Edition20260617()
	for _, path := range []string{"a b.md", "a(1).md", "a/ /b"} {
		if narrow.CheckPath(path) == nil || wide.CheckPath(path) != nil {
			t.Errorf("%q: narrow %v, wide %v", path, narrow.CheckPath(path), wide.CheckPath(path))
		}
	}
	for _, path := range []string{"a+b", "a~", "ü", "a\x00", "a\\b", "\xff", "a\n"} {
		if err := wide.CheckPath(path); err == nil || strings.ContainsAny(err.Error(), "\n\x00") {
			t.Errorf("%q: %v", path, err)
		}
	}
	wide.Edition, wide.PathAlso = narrow.Edition, ""
	if diff := cmp.Diff(narrow, wide); diff != "" {
		t.Errorf("editions differ in more than paths\n%s", diff)
	}
}

func TestSuggestPath(t *testing.T) {
	limits := Edition20260608()
	for path, want := range map[string]string{
		"Über uns/größe (1).md":  "ber-uns/gr--e--1-.md",
		"u\u0308ber.md":          "uber.md",
		"中文.md":                  "file.md",
		".中文.md":                 ".--.md",
		"/a//b/../c":             "a/b/c",
		"..":                     "",
		"":                       "",
		strings.Repeat("x", 600): "",
		"fine.md":                "fine.md",
	} {
		if got := limits.SuggestPath(path); got != want {
			t.Errorf("%q: got %q, want %q", path, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		path := rapid.String().Draw(t, "path")
		if got := limits.SuggestPath(path); got != "" && limits.CheckPath(got) != nil {
			t.Errorf("%q: suggested %q, which is refused", path, got)
		}
	})
}

func TestBodyOf(t *testing.T) {
	limits := Edition20260608()
	tests := []struct {
		name    string
		content []byte
		text    bool
	}{
		{"empty", nil, true},
		{"text", []byte("# Grüße\r\n"), true},
		{"NUL", []byte("a\x00b"), false},
		{"byte order mark", []byte("\uFEFFa"), false},
		{"byte order mark inside", []byte("a\uFEFF"), true},
		{"not UTF-8", []byte("a\xff"), false},
		{"longest text", []byte(strings.Repeat("ü", limits.TextChars)), true},
		{"too long for text", []byte(strings.Repeat("a", limits.TextChars+1)), false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			body := BodyOf(tt.content, limits)
			if _, text := body.(*AssetFileBodyMemberText); text != tt.text {
				t.Errorf("%T", body)
			}
			if err := limits.CheckBody(body); err != nil {
				t.Error(err)
			}
			if back, err := ContentOf(body); err != nil || string(back) != string(tt.content) {
				t.Errorf("%d bytes back, %v", len(back), err)
			}
		})
	}
	if _, err := ContentOf(nil); err == nil {
		t.Error("absent content was read")
	}
}
