package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"golang.org/x/term"

	assetsync "assetsync/sync"
)

// canAsk reports whether somebody is there to answer.
func (a *app) canAsk() bool {
	f, ok := a.stdin.(*os.File)
	return ok && term.IsTerminal(int(f.Fd())) && isTerminal(a.stderr)
}

// confirmAll asks whether something is to be done; yes is the answer given
// before.
func (a *app) confirmAll(ctx context.Context, what string, yes bool) error {
	switch {
	case yes:
		return nil
	case !a.canAsk():
		return &assetsync.Error{Kind: assetsync.KindGuard, Message: "nobody is there to be asked whether to " + what, Hint: "if that is meant, add --yes"}
	}
	answer, err := a.ask(ctx, a.stdin, fmt.Sprintf("%s? [y/N] ", what))
	if err != nil {
		return err
	}
	if answer != "y" && answer != "yes" {
		return declined()
	}
	return nil
}

// confirmID asks for an id a second time; given is what the command line says.
func (a *app) confirmID(ctx context.Context, id, given string) error {
	const hint = "if that is meant, add --confirm "
	irrevocable := &assetsync.Error{Kind: assetsync.KindGuard, Message: "deleting asset " + id + " cannot be undone", Hint: hint + id}
	switch {
	case given == id:
		return nil
	case given != "":
		return &assetsync.Error{Kind: assetsync.KindGuard, Message: fmt.Sprintf("--confirm %s is not the asset to delete, %s", given, id), Hint: hint + id}
	case !a.canAsk():
		return irrevocable
	}
	answer, err := a.ask(ctx, a.stdin, "deleting asset "+id+" cannot be undone; type its id: ")
	if err != nil {
		return err
	}
	if answer != id {
		return declined()
	}
	return nil
}

// confirmEach leaves the assets whose ids were given, or are typed. Where
// nobody can be asked and none was given, that is an error.
func (a *app) confirmEach(ctx context.Context, assets []orphanReport, given []string) (chosen []orphanReport, err error) {
	for _, o := range assets {
		if slices.Contains(given, o.AssetID) {
			chosen = append(chosen, o)
			continue
		}
		if len(given) > 0 {
			a.say("note: %s stays: it is not confirmed", o.AssetID)
			continue
		}
		if err := a.confirmID(ctx, o.AssetID, ""); err != nil {
			return nil, err
		}
		chosen = append(chosen, o)
	}
	return chosen, nil
}

// ask puts a question and returns the line that answers it. It ends with ctx: who
// presses Ctrl-C at a question wants no answer to be taken for theirs.
func (a *app) ask(ctx context.Context, in io.Reader, question string) (string, error) {
	fmt.Fprint(a.stderr, question)
	type answer struct {
		line string
		err  error
	}
	given := make(chan answer, 1)
	go func() { // a read of a terminal cannot be called off; the program ends soon after ctx
		line, err := readLine(in)
		given <- answer{line, err}
	}()
	select {
	case got := <-given:
		if got.err != nil {
			return "", fmt.Errorf("read answer: %w", got.err)
		}
		return got.line, nil
	case <-ctx.Done():
		fmt.Fprintln(a.stderr)
		return "", fmt.Errorf("read answer: %w", context.Cause(ctx))
	}
}

// readLine reads a line or what is left, and nothing beyond: the next question has
// the rest.
func readLine(in io.Reader) (string, error) {
	var line []byte
	var b [1]byte
	for {
		n, err := in.Read(b[:])
		if n == 1 && b[0] != '\n' {
			line = append(line, b[0])
		}
		if n == 1 && b[0] == '\n' || errors.Is(err, io.EOF) {
			return strings.TrimSpace(string(line)), nil
		}
		if err != nil {
			return "", err
		}
	}
}

func declined() error {
	return &assetsync.Error{Kind: assetsync.KindGuard, Message: "not confirmed", Hint: "nothing was done"}
}

// deletesNone is for a protected environment.
func deletesNone() error {
	return &assetsync.Error{Kind: assetsync.KindGuard, Message: "the environment is protected: assetsync deletes none of its assets", Hint: "use the web app or the AWS CLI"}
}
