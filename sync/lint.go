package sync

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"assetsync/manifest"
	"assetsync/remote/assettype"
	"assetsync/sync/lint"
)

func renameHint(suggestion string) string {
	if suggestion == "" {
		return "rename the file, or add it to ignore:"
	}
	return fmt.Sprintf("rename the file, for example to %s, or add it to ignore:", suggestion)
}

// lint checks what is about to be published by the rules of its type: what
// the service would refuse, or half accept, is not sent. Of a tree that could
// not be read whole no rule is asked: it would miss what is there.
func (r *run) lint(ctx context.Context, snap manifest.Snapshot) error {
	if err := r.blockOnProblems(); err != nil {
		return err
	}
	bundle, err := readAll(ctx, r.source, snap.Tree)
	if err != nil {
		return err
	}
	return r.lintBundle(snap, bundle)
}

// lintBundle is lint of what was read. Credentials are the business of a
// guard, which has a consent.
func (r *run) lintBundle(snap manifest.Snapshot, bundle manifest.Bundle) error {
	found := lint.Check(lint.Asset{
		Type: r.kind, Files: bundle, Metadata: r.allMetadata(bundle), Ignored: ignoredBy(snap),
	})
	for _, f := range lint.Errors(found) {
		r.res.Problems = append(r.res.Problems, problemOf(f))
	}
	if !r.planFindings(lint.Warnings(found)) {
		r.noteWarnings(lint.Warnings(found))
	}
	return r.blockOnProblems()
}

// mostWarnings is how many warnings a push tells.
const mostWarnings = 3

// noteWarnings tells the first of what stops nothing, and how many more there
// are.
func (r *run) noteWarnings(found []lint.Finding) {
	for i, f := range found {
		if i == mostWarnings {
			r.note("%d more warnings; assetsync lint shows them, with what to do", len(found)-mostWarnings)
			return
		}
		text := warningText(problemOf(f))
		if f.Field != "" && f.Path == "" { // lint of files shows what to do beside the line
			text += "; " + f.Fix
		}
		r.note("%s", text)
	}
}

// warningText is a warning as a note tells it.
func warningText(p manifest.Problem) string {
	return strings.TrimPrefix(string(p.Path)+": "+p.Detail, ": ")
}

// allMetadata is what is sent with new content: what follows from a single
// file, and the owned keys. What the service itself derives from a
// frontmatter is not sent.
func (r *run) allMetadata(bundle manifest.Bundle) map[string]any {
	return metadataOf(r.kind, r.Target, bundle)
}

func metadataOf(kind assettype.Type, t Target, bundle manifest.Bundle) map[string]any {
	metadata := map[string]any{}
	if kind.SingleFile {
		maps.Copy(metadata, assettype.DerivedMetadata(kind, bundle))
	}
	maps.Copy(metadata, t.Metadata)
	return metadata
}

// blockOnProblems stops the run when there is any problem: nothing of the
// target is published.
func (r *run) blockOnProblems() error {
	if len(r.res.Problems) == 0 {
		return nil
	}
	r.res.Outcome, r.res.Changes, r.res.MetadataChanges = Blocked, nil, nil
	return errStopped
}

func problemOf(f lint.Finding) manifest.Problem {
	detail := f.Message
	if f.Field != "" && f.Path == "" {
		detail = "metadata: " + f.Message
	}
	if f.Line > 0 {
		detail = fmt.Sprintf("line %d: %s", f.Line, detail)
	}
	return manifest.Problem{Path: f.Path, Kind: manifest.ProblemKind(f.Rule), Detail: detail, Hint: f.Fix}
}
