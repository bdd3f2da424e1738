package sync

import (
	"sync"

	"assetsync/manifest/gitrepo"
)

// GitLooks lets the targets of a run share what git was seen to do. A look is an
// answer to those alone who have asked for one that begins after a moment, and for
// whom it did. The nil GitLooks shares nothing. It is safe for concurrent use.
type GitLooks struct {
	mu   sync.Mutex
	last map[lookedAt]*gitLook
}

// lookedAt is what a look is at: a worktree, or a revision of its repository.
type lookedAt struct {
	repo *gitrepo.Worktree
	rev  string
}

// gitLook is the last of the looks at one thing.
type gitLook struct {
	mu    sync.Mutex // held while a look is made
	begun int        // looks up to this one
	state gitrepo.State
	err   error
}

// NewGitLooks returns the looks of a run, of which there were none yet. A longer run
// has no use for it: who compares with an old look finds that git did something since.
func NewGitLooks() *GitLooks { return &GitLooks{last: map[lookedAt]*gitLook{}} }

func (l *GitLooks) at(repo *gitrepo.Worktree, rev string) *gitLook {
	if l == nil {
		return &gitLook{}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	what := lookedAt{repo, rev}
	if l.last[what] == nil {
		l.last[what] = &gitLook{}
	}
	return l.last[what]
}

// now is this moment, in looks that were begun before it.
func (g *gitLook) now() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.begun
}

// since returns what a look has found that began after a moment.
func (g *gitLook) since(moment int, look func() (gitrepo.State, error)) (gitrepo.State, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.begun == moment {
		g.begun++
		g.state, g.err = look()
	}
	return g.state, g.err
}

// quiet returns what the last look has found, and whether there was one that found
// nothing in the way.
func (g *gitLook) quiet() (gitrepo.State, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state, g.begun > 0 && g.err == nil && g.state.Operation == ""
}
