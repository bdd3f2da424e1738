package sync

import (
	"context"
	"fmt"
	"slices"

	"assetsync/diff"
	"assetsync/manifest"
	"assetsync/remote/assettype"
)

// mostSent is how many contents of one file are compared with what the service
// may have made of them.
const mostSent = 100

// asSent returns the versions with what was sent in the place of what the
// service made of it, on the paths that differ. Guessed says that a content is
// taken for what was sent which earlier commits may have held as it is.
func (r *run) asSent(ctx context.Context, commits *commitLine, h diff.Histories, paths []manifest.Path, obs observation) (versions []diff.Versioned, guessed bool, err error) {
	s := sentFinder{run: r, commits: commits, local: h.Local, obs: obs, known: map[manifest.Entry]manifest.Entry{}}
	for _, v := range h.Remote {
		var entries []manifest.Entry
		for e := range v.Side.Tree.All() {
			if slices.Contains(paths, e.Path) {
				sent := s.find(ctx, e)
				guessed = guessed || sent.ID != e.ID && h.LocalMore
				e = sent
			}
			entries = append(entries, e)
		}
		if v.Side.Tree, err = manifest.NewTree(entries...); err != nil {
			return nil, false, fmt.Errorf("compare versions with commits: %w", err)
		}
		versions = append(versions, v)
	}
	return versions, guessed, nil
}

// sentFinder finds what was sent.
type sentFinder struct {
	*run
	commits *commitLine
	local   []diff.Committed
	obs     observation
	known   map[manifest.Entry]manifest.Entry
}

// find returns the newest content of a file that the service may have made e
// of, and e when there is none, or when a commit holds e itself.
func (s sentFinder) find(ctx context.Context, e manifest.Entry) manifest.Entry {
	sent, ok := s.known[e]
	if !ok {
		sent = s.look(ctx, e)
		s.known[e] = sent
	}
	return sent
}

func (s sentFinder) look(ctx context.Context, e manifest.Entry) manifest.Entry {
	seen := map[manifest.ID]bool{}
	var candidates []manifest.Entry
	for _, c := range slices.Backward(s.local) {
		switch got := c.Tree.Get(e.Path); {
		case got == nil || seen[got.ID]:
		case got.ID == e.ID:
			return e
		default:
			seen[got.ID] = true
			candidates = append(candidates, *got)
		}
	}
	read, ok, err := s.blob(s.obs, e.ID)
	if err != nil || !ok {
		return e
	}
	form := manifest.BlobID(s.Target.Text.Canonical(read))
	if i := slices.IndexFunc(candidates, func(c manifest.Entry) bool { return c.ID == form }); i >= 0 {
		return candidates[i]
	}
	for _, c := range candidates[:min(len(candidates), mostSent)] {
		data, err := s.source.read(ctx, c)
		if err != nil {
			data, err = s.commits.content(ctx, c)
		}
		if err == nil && assettype.Same(s.kind, e.Path, data, read) {
			return c
		}
	}
	return e
}

// content returns the bytes of an entry of any of the commits.
func (c *commitLine) content(ctx context.Context, e manifest.Entry) ([]byte, error) {
	if !c.opened {
		// What is published may be in no commit yet.
		c.opened = true
		c.commit, c.openErr = (&committed{directory: c.r.dir, repo: c.r.Repo, rev: c.rev}).open(ctx)
	}
	if c.openErr != nil {
		return nil, c.openErr
	}
	return c.commit.Read(e)
}

// asRead returns a derived pair with the remote side as the service made it of
// what was sent. sent and held are the versions, after and before [run.asSent].
func (r *run) asRead(p manifest.Path, pair diff.Pair, sent, held []diff.Versioned, obs observation) (diff.Pair, error) {
	got := obs.side.Tree.Get(p)
	if got == nil || !sameEntry(pair.Remote, sent[len(sent)-1].Side.Tree.Get(p)) {
		return pair, nil
	}
	local, err := r.published(held, obs, pair.Local, got)
	return diff.Pair{Local: local, Remote: got}, err
}

// published returns what was sent when the service held got: local, or got
// itself where local is no more than its form and no version ever held that.
// Then it was sent before files had this form.
func (r *run) published(versions []diff.Versioned, obs observation, local, got *manifest.Entry) (*manifest.Entry, error) {
	if local == nil || r.Target.Text != manifest.TextLF || slices.ContainsFunc(versions, func(v diff.Versioned) bool {
		return sameEntry(v.Side.Tree.Get(local.Path), local)
	}) {
		return local, nil
	}
	form, err := r.formOf(obs, got.ID)
	if err == nil && form == local.ID {
		return got, nil
	}
	return local, err
}
