package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	assetsync "assetsync/sync"
)

// TestAsk reads one line for each question, and leaves the rest.
func TestAsk(t *testing.T) {
	var said bytes.Buffer
	a := &app{stderr: &said}
	in := strings.NewReader("ki-1\n ki-2 \nki-3")
	for _, want := range []string{"ki-1", "ki-2", "ki-3", ""} {
		if got, err := a.ask(t.Context(), in, "id? "); got != want || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	}
	if got := said.String(); got != strings.Repeat("id? ", 4) {
		t.Errorf("it says %q", got)
	}
}

// TestAskInterrupted ends with the context, whatever the terminal does.
func TestAskInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	in, typed := io.Pipe()
	defer typed.Close()
	cancel()
	a := &app{stderr: &bytes.Buffer{}}
	if got, err := a.ask(ctx, in, "go on? "); !errors.Is(err, context.Canceled) {
		t.Errorf("got %q, %v", got, err)
	}
}

// TestConfirmUnasked holds to what the command line says where nobody can be
// asked.
func TestConfirmUnasked(t *testing.T) {
	a := &app{stdin: strings.NewReader("ki-1\n"), stderr: &bytes.Buffer{}}
	tests := map[string]struct {
		err  error
		hint string // "" when it is confirmed
	}{
		"id given":       {a.confirmID(t.Context(), "ki-1", "ki-1"), ""},
		"another given":  {a.confirmID(t.Context(), "ki-1", "ki-2"), "add --confirm ki-1"},
		"none given":     {a.confirmID(t.Context(), "ki-1", ""), "add --confirm ki-1"},
		"yes given":      {a.confirmAll(t.Context(), "do it", true), ""},
		"no yes given":   {a.confirmAll(t.Context(), "do it", false), "add --yes"},
		"said otherwise": {declined(), "nothing was done"},
	}
	for name, test := range tests {
		if test.hint == "" {
			if test.err != nil {
				t.Errorf("%s: %v", name, test.err)
			}
			continue
		}
		e := assetsync.AsError(test.err)
		if e.Kind != assetsync.KindGuard || !strings.Contains(e.Hint, test.hint) {
			t.Errorf("%s: %s %q, want hint %q", name, e.Kind, e.Hint, test.hint)
		}
	}
	chosen, err := a.confirmEach(t.Context(), []orphanReport{{AssetID: "ki-1"}, {AssetID: "ki-2"}}, []string{"ki-2"})
	if err != nil || len(chosen) != 1 || chosen[0].AssetID != "ki-2" {
		t.Errorf("of two, one confirmed: %v, %v", chosen, err)
	}
}
