package sync

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"maps"
	"strings"

	"assetsync/manifest/gitrepo"
	"assetsync/manifest/packed"
)

// LiveCache keeps which commits were live. An answer follows from where the
// revision stands ([gitrepo.Standing]), from the target's place in the repository
// and its rules, and from the id of the tree that is live: it is found again under
// just these, and no object of git is read for it. An answer for which something
// was missing from the repository is not kept. It is not safe for concurrent use.
type LiveCache struct {
	build   string
	answers map[liveKey]keptLive // by the place of the target
	asked   map[liveKey]bool     // since it was read
	changed bool
}

// liveKey is a SHA-256 over what an answer is of, or is kept under.
type liveKey [sha256.Size]byte

// keptLive is the last answer for one place.
type keptLive struct {
	of   liveKey
	live LiveCommit // without Tree
}

const (
	// liveFormat begins a cache. Another one is dropped.
	liveFormat = "live commits 1\n"

	// maxKeptLive is how many answers are kept, a megabyte and a half of them: of
	// more, those that were asked for last.
	maxKeptLive = 10_000
)

// NewLiveCache reads what [LiveCache.Bytes] returned. What is damaged, or was kept
// by another build of the program, whose rules may differ, is an empty cache.
func NewLiveCache(data []byte, build string) *LiveCache {
	c := &LiveCache{build: build, answers: map[liveKey]keptLive{}, asked: map[liveKey]bool{}}
	if answers, ok := parseLive(data, build); ok {
		c.answers = answers
	}
	return c
}

// Bytes returns the cache as data, and whether it was changed.
func (c *LiveCache) Bytes() ([]byte, bool) {
	if !c.changed {
		return nil, false
	}
	if len(c.answers) > maxKeptLive {
		maps.DeleteFunc(c.answers, func(place liveKey, _ keptLive) bool { return !c.asked[place] })
	}
	out := liveHead(c.build)
	for place, k := range c.answers {
		out = append(append(out, place[:]...), k.of[:]...)
		out = appendText(appendText(out, k.live.Commit), k.live.Newest)
		out = binary.AppendVarint(out, int64(k.live.Ahead))
		cut := uint64(0)
		if k.live.Cut {
			cut = 1
		}
		out = binary.AppendUvarint(out, cut)
	}
	sum := sha256.Sum256(out)
	return append(out, sum[:]...), true
}

func liveHead(build string) []byte { return appendText([]byte(liveFormat), build) }

func appendText(out []byte, text string) []byte {
	return append(binary.AppendUvarint(out, uint64(len(text))), text...)
}

// parseLive is false for all that Bytes did not return.
func parseLive(data []byte, build string) (map[liveKey]keptLive, bool) {
	end := len(data) - sha256.Size
	if end < 0 {
		return nil, false
	}
	sum := sha256.Sum256(data[:end])
	rest, ok := bytes.CutPrefix(data[:end], liveHead(build))
	if !ok || !bytes.Equal(sum[:], data[end:]) {
		return nil, false
	}
	answers := map[liveKey]keptLive{}
	in := packed.Reader{Rest: rest}
	for len(in.Rest) > 0 && !in.Failed {
		var place liveKey
		var k keptLive
		copy(place[:], in.Bytes(sha256.Size))
		copy(k.of[:], in.Bytes(sha256.Size))
		k.live.Commit, k.live.Newest = string(in.Bytes(in.Uvarint())), string(in.Bytes(in.Uvarint()))
		k.live.Ahead, k.live.Cut = int(in.Varint()), in.Uvarint() == 1
		if !isCommit(k.live.Commit) || !isCommit(k.live.Newest) {
			return nil, false
		}
		answers[place] = k
	}
	return answers, !in.Failed
}

// isCommit reports whether a text is one id, or none: it is shown to people.
func isCommit(id string) bool { return strings.Trim(id, "0123456789abcdef") == "" }

// LiveFinder finds what is live of the targets of one repository, for one run. It
// is not safe for concurrent use.
type LiveFinder struct {
	repo      *gitrepo.Worktree
	kept      *LiveCache
	standings map[string]gitrepo.Standing // by revision; zero: it cannot be told

	past    *gitrepo.Past // nil until objects are needed
	release func() error
}

// NewLiveFinder returns a finder that keeps its answers in kept. It has to be
// closed.
func NewLiveFinder(repo *gitrepo.Worktree, kept *LiveCache) *LiveFinder {
	return &LiveFinder{repo: repo, kept: kept, standings: map[string]gitrepo.Standing{}, release: func() error { return nil }}
}

// Close lets go of the files of the repository.
func (f *LiveFinder) Close() error { return f.release() }

// Find looks for the newest commit that publishes what a result of a target in env,
// "" for an environment without a name, says is live: on the first-parent line of its
// revision, or of HEAD. All targets with one revision see it where it stands at the
// first of them. Errors are those of [gitrepo.Worktree.Line].
func (f *LiveFinder) Find(ctx context.Context, env string, t Target, res Result) (LiveCommit, error) {
	at, err := f.standing(lineOf(t))
	if err != nil {
		return LiveCommit{}, err
	}
	if at.ID == "" {
		live, _, err := f.search(ctx, lineOf(t), t, res)
		return live, err
	}
	place, of, err := f.keys(at, env, t, res)
	if err != nil {
		return LiveCommit{}, err
	}
	f.kept.asked[place] = true
	if k, ok := f.kept.answers[place]; ok && k.of == of {
		k.live.Tree = res.LiveTree
		return k.live, nil
	}
	live, certain, err := f.search(ctx, at.ID, t, res)
	if err != nil || !certain {
		return live, err
	}
	// The history may have been cut off elsewhere meanwhile.
	if now, told, err := f.repo.Standing(at.ID); err == nil && told && now == at {
		f.kept.answers[place], f.kept.changed = keptLive{of, live}, true
	}
	return live, nil
}

// standing asks once for each revision.
func (f *LiveFinder) standing(rev string) (gitrepo.Standing, error) {
	at, known := f.standings[rev]
	if known {
		return at, nil
	}
	at, told, err := f.repo.Standing(rev)
	if err != nil {
		return at, err
	}
	if !told {
		at = gitrepo.Standing{}
	}
	f.standings[rev] = at
	return at, nil
}

// search asks git.
func (f *LiveFinder) search(ctx context.Context, rev string, t Target, res Result) (LiveCommit, bool, error) {
	if f.past == nil {
		f.past, f.release = f.repo.PastIDs(), f.repo.Hold()
	}
	return findLive(ctx, f.repo, f.past, rev, t, res)
}

// keys returns where the answer for a target is kept, and what it is of.
func (f *LiveFinder) keys(at gitrepo.Standing, env string, t Target, res Result) (place, of liveKey, err error) {
	inside, err := f.repo.Inside(t.Path)
	if err != nil {
		return place, of, err
	}
	text := appendText(appendText(nil, f.repo.Top()), inside)
	text = appendText(appendText(text, t.Type), t.Rev)
	place = sha256.Sum256(appendText(text, env))
	text = appendText(appendText(text, at.ID), at.Cut)
	text = appendText(appendText(text, cmp.Or(res.SentTree, res.LiveTree)), string(t.Text))
	for _, pattern := range t.Ignore {
		text = appendText(text, pattern)
	}
	return place, sha256.Sum256(text), nil
}
