package sync

import (
	"context"
	"fmt"
	"maps"
	"path/filepath"
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
	known, keep := r.lintKnown()
	files, bundle := map[manifest.Path][]byte{}, manifest.Bundle{}
	for {
		found, unread := known.Check(r.lintAsset(snap, bundle.Of(snap.Tree)))
		if len(unread) == 0 {
			keep(known)
			return r.linted(found)
		}
		more, err := readFiles(ctx, r.source, unread)
		if err != nil {
			return err
		}
		maps.Copy(files, more)
		if bundle, err = manifest.NewBundle(files); err != nil {
			return err
		}
		for _, e := range unread { // or they would be asked for again
			if _, ok := bundle.Blob(e.ID); !ok {
				return fmt.Errorf("read %s: %w", e.Path, manifest.ErrChanged)
			}
		}
	}
}

// lintBundle is lint of what was read.
func (r *run) lintBundle(snap manifest.Snapshot, bundle manifest.Bundle) error {
	known, keep := r.lintKnown()
	found, _ := known.Check(r.lintAsset(snap, bundle)) // nothing is unread
	keep(known)
	return r.linted(found)
}

// lintAsset is what the rules are asked of. Credentials are the business of a guard,
// which has a consent.
func (r *run) lintAsset(snap manifest.Snapshot, bundle manifest.Bundle) lint.Asset {
	return lint.Asset{Type: r.kind, Files: bundle, Metadata: r.allMetadata(bundle), Ignored: ignoredBy(snap)}
}

// linted stops at errors, and tells of warnings.
func (r *run) linted(found []lint.Finding) error {
	for _, f := range lint.Errors(found) {
		r.res.Problems = append(r.res.Problems, problemOf(f))
	}
	if !r.planFindings(lint.Warnings(found)) {
		r.noteWarnings(lint.Warnings(found))
	}
	return r.blockOnProblems()
}

// lintKnown returns what is known of the files of a directory, and what keeps it. Of
// any other source nothing is known, and nothing kept.
func (e *Engine) lintKnown() (*lint.Known, func(*lint.Known)) {
	d, ok := e.source.(directory)
	if !ok || d.kept == nil || d.file != "" {
		return &lint.Known{}, func(*lint.Known) {}
	}
	// Another name of the directory, under which that of its files is kept.
	name := d.dir + string(filepath.Separator) + "."
	return lint.NewKnown(d.kept.Files(name)), func(k *lint.Known) {
		if data, changed := k.Bytes(); changed {
			d.kept.KeepFiles(name, data)
		}
	}
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
