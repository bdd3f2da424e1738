package sync

import (
	"context"
	"fmt"
	"maps"
	"strings"

	"assetsync/manifest"
	"assetsync/remote/assettype"
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
	return r.lintBundle(bundle)
}

func (r *run) lintBundle(bundle manifest.Bundle) error {
	for _, f := range assettype.Check(r.kind, bundle, r.allMetadata(bundle)) {
		p := problemOf(f)
		if f.Severity == assettype.Error {
			r.res.Problems = append(r.res.Problems, p)
			continue
		}
		r.note("%s", strings.TrimPrefix(string(p.Path)+": "+p.Detail, ": "))
	}
	return r.blockOnProblems()
}

// allMetadata is what is sent with new content: what follows from a single
// file, and the owned keys. What the service itself derives from a
// frontmatter is not sent.
func (r *run) allMetadata(bundle manifest.Bundle) map[string]any {
	metadata := map[string]any{}
	if r.kind.SingleFile {
		maps.Copy(metadata, assettype.DerivedMetadata(r.kind, bundle))
	}
	maps.Copy(metadata, r.Target.Metadata)
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

func problemOf(f assettype.Finding) manifest.Problem {
	detail := f.Message
	if f.Field != "" && f.Path == "" {
		detail = "metadata: " + f.Message
	}
	if f.Line > 0 {
		detail = fmt.Sprintf("line %d: %s", f.Line, detail)
	}
	return manifest.Problem{Path: f.Path, Kind: manifest.ProblemKind(f.Rule), Detail: detail, Hint: f.Fix}
}
