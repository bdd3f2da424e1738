package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"assetsync/diff"
	"assetsync/manifest"
	assetsync "assetsync/sync"
)

// showTarget is the target of the envelope of show.
type showTarget struct {
	assetsync.Result
	Show *assetsync.ShownVersion `json:"show,omitempty"`
	File *shownFile              `json:"file,omitempty"` // with N:PATH
}

// shownFile is a file of a version.
type shownFile struct {
	Path    manifest.Path `json:"path"`
	ID      manifest.ID   `json:"id"`   // git blob id
	Size    int           `json:"size"` // bytes
	Content []byte        `json:"content"`
}

func (a *app) showCommand() *cobra.Command {
	var view diffView
	cmd := &cobra.Command{
		Use:   "show [TARGET] [N[:PATH]]",
		Short: "Show a version, or a file of it",
		Long: `Show what version N is, who made it and when, its metadata, and what it changed
as a patch. N is 3 or v3; without it, it is the newest version. TARGET may be left
out where there is one target.

With :PATH it is the bytes of that file, as they are: nothing is added, and a
binary file is not written to a terminal.

What .assetsync/history.git has is not asked for: assetsync fetch brings all
versions there.`,
		Example: `  assetsync show skills/eks-triage
  assetsync show skills/eks-triage 3
  assetsync show skills/eks-triage v3 --name-only
  assetsync show skills/eks-triage 3:references/limits.md`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := view.check(); err != nil {
				return err
			}
			asked, err := parseShow(args)
			if err != nil {
				return err
			}
			ctx, cancel := a.within(cmd.Context())
			defer cancel()
			s, err := a.open(ctx, sessionOptions{args: asked.target, allowMissing: true})
			if err != nil {
				return err
			}
			if len(s.targets) != 1 {
				return s.abort(usageError(nil, strings.TrimSpace("for example: assetsync show "+s.targets[0].Name+" "+asked.text()),
					"show is of one target, and there are %d", len(s.targets)))
			}
			if asked.path != "" {
				return s.showFile(ctx, asked, view.output)
			}
			return s.showVersion(ctx, asked, view)
		},
	}
	view.register(cmd)
	return cmd
}

// shown is what a command line of show asks for.
type shown struct {
	target  []string
	version int32  // 0: the newest
	path    string // "": the version itself
}

func (s shown) text() string {
	if s.version == 0 {
		return ""
	}
	return strconv.Itoa(int(s.version))
}

// parseShow parts [TARGET] [N[:PATH]]. A target whose name is a number is
// reached by ./NAME.
func parseShow(args []string) (s shown, err error) {
	const hint = "for example: assetsync show skills/eks-triage 3:SKILL.md; assetsync log shows the versions"
	if len(args) > 2 {
		return s, usageError(nil, hint, "show takes a target and a version, and there are %d words", len(args))
	}
	for i, arg := range args {
		number, path, inside := strings.Cut(arg, ":")
		rev, ok, err := assetsync.ParseRevision(number)
		switch {
		case ok && err != nil:
			return s, usageError(err, hint, "show %s: versions begin at 1", quoted(arg))
		case ok && (rev.Kind == assetsync.VersionRevision || rev.Kind == assetsync.RemoteRevision):
			if i < len(args)-1 {
				return s, usageError(nil, hint, "show %s: the version comes last", quoted(arg))
			}
			if inside && path == "" {
				return s, usageError(nil, hint, "show %s: the path is empty", quoted(arg))
			}
			s.version, s.path = rev.Version, path
		case i == 1:
			return s, usageError(nil, hint, "show %s: this is no version", quoted(arg))
		default:
			s.target = args[:1]
		}
	}
	return s, nil
}

func (s *session) showVersion(ctx context.Context, asked shown, view diffView) error {
	var v assetsync.ShownVersion
	results := s.each(ctx, func(ctx context.Context, e *assetsync.Engine) (res assetsync.Result) {
		v, res = e.Show(ctx, asked.version)
		return res
	})
	err := s.close() // a pager may stay for long, and others need the state
	s.setCode(results, false)
	target := showTarget{Result: results[0]}
	if target.Error == nil {
		target.Show = &v
	}
	if s.jsonOut {
		return errors.Join(s.writeResults(s.env.Name, []showTarget{target}, results), err)
	}
	if target.Error == nil {
		p := s.newPatch(s.targets[0], s.pathsIn(s.targets[0], asked.target))
		err = errors.Join(s.showText(view.output, describeVersion(target, p, view)), err)
	}
	s.explain(results)
	return err
}

// describeVersion tells of a version as git show does of a commit.
func describeVersion(t showTarget, p *patch, view diffView) string {
	v := t.Show
	var b strings.Builder
	fmt.Fprintf(&b, "version %d of %s\n", v.Version, diff.Quoted(t.Target))
	fmt.Fprintf(&b, "Asset:    %s\n", shownText(t.AssetID))
	fmt.Fprintf(&b, "Date:     %s\n", localTime(&v.CreatedAt))
	fmt.Fprintf(&b, "By:       %s\n", v.By)
	if commits := strings.TrimSpace(commitColumn([]assetsync.VersionReport{v.VersionReport})[0]); commits != "" {
		fmt.Fprintf(&b, "Commit:   %s\n", commits)
	}
	fmt.Fprintf(&b, "Tree:     %s\n", v.Tree.Short())
	for _, key := range slices.Sorted(maps.Keys(v.Metadata)) {
		fmt.Fprintf(&b, "Metadata: %s: %s\n", diff.Quoted(key), jsonText(v.Metadata[key]))
	}
	b.WriteString("\n")
	if !v.Known {
		b.WriteString("    the version before it cannot be read\n")
		return b.String()
	}
	p.old, p.new = v.Old, v.New
	p.compare(assetsync.Result{})
	p.writeWhole(&b, view)
	return b.String()
}

// writeWhole writes the difference of one target, with the sums of --stat.
func (p *patch) writeWhole(b *strings.Builder, view diffView) {
	var stats []diff.FileStat
	p.write(b, view, &stats)
	b.WriteString(diff.Stat(stats, statWidth))
}

func (s *session) showFile(ctx context.Context, asked shown, o output) error {
	paths, err := s.versionPaths(s.targets[0], []string{asked.path})
	if err != nil {
		return s.abort(err)
	}
	var files manifest.Bundle
	results := s.each(ctx, func(ctx context.Context, e *assetsync.Engine) (res assetsync.Result) {
		files, res = e.Files(ctx, asked.version)
		return res
	})
	err = s.close()
	s.setCode(results, false)
	target := showTarget{Result: results[0]}
	if err != nil || target.Error != nil {
		if s.jsonOut {
			return errors.Join(s.writeResults(s.env.Name, []showTarget{target}, results), err)
		}
		s.explain(results)
		return err
	}
	file, err := fileOf(files, paths, asked, target.ObservedVersion)
	if err != nil {
		return err
	}
	if s.jsonOut {
		target.File = file
		return s.writeResults(s.env.Name, []showTarget{target}, results)
	}
	s.explain(results)
	return s.showBytes(file, o)
}

// fileOf finds a file of a version.
func fileOf(files manifest.Bundle, paths []manifest.Path, asked shown, version int32) (*shownFile, error) {
	if len(paths) == 1 {
		if data, ok := files.Content(paths[0]); ok {
			return &shownFile{paths[0], manifest.BlobID(data), len(data), data}, nil
		}
	}
	var names []string
	for e := range files.Tree().All() {
		names = append(names, string(e.Path))
	}
	hint := "it has no files"
	if close := closest(asked.path, names); len(close) > 0 {
		hint = "did you mean " + wordList(close, "or") + "?"
	} else if len(names) > 0 {
		hint = "it has " + wordList(names, "and")
	}
	return nil, usageError(nil, hint, "version %d has no file %s", version, quoted(asked.path))
}

// showBytes writes a file as it is, except that a terminal gets nothing that is
// not text.
func (a *app) showBytes(f *shownFile, o output) error {
	if !isTerminal(a.stdout) {
		_, err := a.stdout.Write(f.Content)
		return err
	}
	if diff.IsBinary(f.Content) {
		return usageError(nil, "write it to a file: assetsync show … > FILE",
			"%s is binary (%d bytes), and standard output is a terminal", quoted(string(f.Path)), f.Size)
	}
	o.color = "never"
	return a.showText(o, string(f.Content))
}
