package manifest

import (
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"
)

// walk notes the files below dir, to be hashed later, and the directories,
// to be looked at again. chain are the link-free names of the directories
// that lead to dir. It fails where [Scan] does.
func (s *scanner) walk(ctx context.Context, dir scanDir, chain []string) error {
	if s.isLost("") {
		return nil
	}
	entries, info, err := s.from.list(ctx, dir.name)
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil && dir.path == "" && !isFault(err):
		return err
	case err != nil:
		s.report(dir.path, true, err)
		return nil
	}
	if s.names += len(entries); s.names > maxScanNames {
		s.report("", true, tooManyNames())
		return nil
	}
	if dir.rules, err = s.readIgnoreFiles(ctx, dir, entries); err != nil {
		return ctx.Err()
	}
	dir.info, dir.held = info, s.held(dir, entries)
	s.dirs = append(s.dirs, dir)
	chain = append(chain, dir.name)
	// What is held is what is not ignored, in the order of entries.
	held := dir.held
	for _, e := range entries {
		if len(held) == 0 || held[0] != e.name {
			s.leftOver = s.leftOver || strings.HasPrefix(e.name, TempPrefix)
			continue
		}
		held = held[1:]
		if err := s.visit(ctx, dir, e, chain); err != nil {
			return err
		}
	}
	return nil
}

func tooManyNames() error {
	return newFault(TooLarge, "holds more than %d names, links followed", maxScanNames)
}

// visit decides what one name in dir is, which is not ignored.
func (s *scanner) visit(ctx context.Context, dir scanDir, e listed, chain []string) error {
	if k := e.kept; k != nil && s.opts.fits(k.size) == nil {
		if full := k.pathIn(dir); nameFault(full) == "" {
			k.used = true
			s.entries = append(s.entries, Entry{Path(full), k.id, k.size})
			return nil
		}
	}
	full, name, mode := joinPath(dir.path, e.name), path.Join(dir.name, e.name), e.kind
	p := Path(full)
	if reason := nameFault(full); reason != "" {
		// Escaped, the name can be shown, and no Path equals it.
		p = Path(joinPath(dir.path, strings.Trim(strconv.Quote(e.name), `"`)))
		s.report(p, true, newFault(BadName, "%s", reason))
		return nil
	}
	if mode == fs.ModeSymlink {
		s.linked = true
		var err error
		name, mode, err = resolve(s.from, dir.name, e.name)
		// Where a link leads nowhere, nobody can tell what it would be, so
		// a pattern for a directory of this name is enough to leave it out.
		if (err != nil || mode.IsDir()) && s.ignore.decideOne(full, true).ignored {
			return nil
		}
		if err != nil {
			s.report(p, true, err)
			return nil
		}
	}
	switch {
	case mode.IsDir() && slices.Contains(chain, name):
		s.report(p, true, newFault(LinkBroken, "leads in a circle, back to %q", name))
	case mode.IsDir():
		return s.walk(ctx, scanDir{path: p, name: name}, chain)
	case mode.Type() == 0:
		s.files = append(s.files, scanFile{p, name})
	default:
		s.report(p, false, irregular(mode))
	}
	return nil
}

// pathIn is the path that a file of dir is published under: its own name, but for
// what lies behind a link. It is "" for nil.
func (k *keptFile) pathIn(dir scanDir) string {
	if k == nil {
		return ""
	}
	if string(dir.path) == dir.name || dir.path == "" {
		return k.name
	}
	return joinPath(dir.path, k.base)
}

func joinPath(dir Path, name string) string {
	if dir == "" {
		return name
	}
	return string(dir) + "/" + name
}

func nameFault(full string) string {
	if len(full) > maxPathLen {
		return fmt.Sprintf("is longer than %d bytes", maxPathLen)
	}
	return pathFault(full)
}

// readIgnoreFiles adds the ignore files of dir to the rules. One that is
// there and cannot be read leaves open what is published below dir, so all of
// that is unknown, and the error says to go no deeper.
func (s *scanner) readIgnoreFiles(ctx context.Context, dir scanDir, entries []listed) (found []keptRules, err error) {
	for layer := range ignoreLayers {
		filename := layer.Filename()
		if !slices.ContainsFunc(entries, func(e listed) bool { return e.name == filename && !e.isDir() }) {
			continue
		}
		rules, err := readRules(ctx, s.from, dir.name, filename)
		if err != nil {
			s.report(Path(joinPath(dir.path, filename)), false, err)
			s.unknown = append(s.unknown, Unknown{Path: dir.path, Below: true, Reason: "its " + filename + " cannot be read"})
			s.lost[dir.path] = struct{}{}
			return nil, err
		}
		rules.layer = layer
		found = append(found, rules)
		s.ignore.add(IgnoreFile{Layer: layer, Dir: dir.path, Data: rules.data})
	}
	return found, nil
}

// readRules reads the ignore file of a name in dir. One that is read through a link
// has no state.
func readRules(ctx context.Context, from files, dir, filename string) (rules keptRules, err error) {
	next := path.Join(dir, filename)
	mode, err := from.lstat(next)
	if err != nil {
		return rules, gone(err)
	}
	if mode != fs.ModeSymlink {
		rules.data, rules.state, err = from.read(ctx, next, maxIgnoreFile)
		return rules, err
	}
	target, err := from.readlink(next)
	if err != nil {
		return rules, err
	}
	if next, _, err = resolve(from, dir, target); err != nil {
		return rules, err
	}
	rules.data, _, err = from.read(ctx, next, maxIgnoreFile)
	return rules, err
}

// held returns the names in dir that matter to what is published, in order.
func (s *scanner) held(dir scanDir, entries []listed) []string {
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		full := e.kept.pathIn(dir)
		if full == "" {
			full = joinPath(dir.path, e.name)
		}
		if !s.ignore.decideOne(full, e.isDir()).ignored {
			names = append(names, e.name)
		}
	}
	return names
}

// checkDirs looks at all directories again, after the files were hashed: a
// file that was moved from a directory not yet read into one already read
// would otherwise look deleted.
func (s *scanner) checkDirs(ctx context.Context, from directory) error {
	for _, dir := range s.dirs {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if s.isLost(dir.path) {
			continue
		}
		info, err := from.root.Lstat(dir.name)
		if err == nil && sameState(dir.info, info) {
			continue
		}
		// Names that are ignored come and go as they like.
		entries, _, err := from.list(ctx, dir.name)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil && slices.Equal(s.held(dir, entries), dir.held) {
			continue
		}
		s.report(dir.path, true, errUnstable)
	}
	return nil
}
