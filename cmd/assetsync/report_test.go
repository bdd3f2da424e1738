package main

import (
	"bytes"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	assetsync "assetsync/sync"
)

// What several targets share is told once, at the first of them.
func TestExplain(t *testing.T) {
	denied := &assetsync.Error{Message: "denied", Hint: "log in"}
	result := func(target string, err *assetsync.Error, notes ...string) assetsync.Result {
		return assetsync.Result{Target: target, Error: err, Notes: notes}
	}
	tests := []struct {
		name    string
		results []assetsync.Result
		want    string
	}{
		{"nothing to say", []assetsync.Result{result("a", nil)}, ""},
		{"a note", []assetsync.Result{result("a", nil, "x"), result("b", nil)}, "note: a: x\n"},
		{"one note of two", []assetsync.Result{result("a", nil, "x"), result("b", nil, "x")}, "note: a and 1 more: x\n"},
		{
			"shared notes beside others",
			[]assetsync.Result{result("a", nil, "own", "x"), result("b", nil, "y"), result("c", nil, "y", "x"), result("d", nil, "x")},
			"note: a: own\nnote: a and 2 more: x\nnote: b and 1 more: y\n",
		},
		{
			"beside an error that is shared",
			[]assetsync.Result{result("a", denied), result("b", denied, "x"), result("c", nil, "x")},
			"assetsync: a and 1 more: denied\nhint: log in\nnote: b and 1 more: x\n",
		},
		{
			"one cause at each asset",
			[]assetsync.Result{
				{Target: "a", AssetID: "ki-1", Error: &assetsync.Error{Message: "read asset ki-1: refused", Hint: "later"}},
				{Target: "b", AssetID: "ki-2", Error: &assetsync.Error{Message: "read asset ki-2: refused", Hint: "later"}},
			},
			"assetsync: a and 1 more: read asset ki-1: refused\nhint: later\n",
		},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			var out bytes.Buffer
			(&app{stderr: &out}).explain(tc.results)
			if d := cmp.Diff(tc.want, out.String()); d != "" {
				t.Errorf("standard error (-want +got):\n%s", d)
			}
		})
	}
}

// TestTableShowsNoControls has an asset whose name paints the terminal.
func TestTableShowsNoControls(t *testing.T) {
	var out strings.Builder
	a := &app{stdout: &out}
	if err := a.table([][]string{{"ASSET", "NAME"}, {"ki-1", "\x1b[2J\u202eevil\nki-2\tgrün 1"}, {"ki-3", jsonText("\u202ex")}}); err != nil {
		t.Fatal(err)
	}
	want := "ASSET  NAME\nki-1   \\x1b[2J\\u202eevil\\nki-2\\tgrün 1\nki-3   \"\\u202ex\"\n"
	if out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestIndexName(t *testing.T) {
	for _, tt := range []struct {
		text, name string
		want       int
	}{
		{"read a of it", "a", 5},
		{"a", "a", 0},
		{"read skills/one/ref.md", "skills/one", 5},
		{"read skills/one-more", "skills/one", -1},
		{"read more/skills/one", "skills/one", -1},
		{"read alerts_a, b: a.", "a", 18},
		{"read äa", "a", -1},
		{"nothing", "", -1},
	} {
		if got := indexName(tt.text, tt.name); got != tt.want {
			t.Errorf("%q in %q: %d, want %d", tt.name, tt.text, got, tt.want)
		}
	}
}
