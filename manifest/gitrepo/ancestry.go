package gitrepo

import (
	"container/heap"
	"context"

	"assetsync/manifest"
)

// ancestryWalk looks for head among the ancestors of tips. It goes back from
// both at once, newest commits first, and paints what it meets, as git does to
// find a merge base. What head reaches cannot lead back to head, so once only
// such commits are left the answer is no. Times decide how soon that is, never
// the answer, so wrong clocks do no harm.
type ancestryWalk struct {
	objects *objects
	head    manifest.ID
	shallow map[manifest.ID]struct{} // commits whose parents are cut off

	seen  map[manifest.ID]*seenCommit
	queue commitQueue
	open  int  // queued commits that tips reach and head does not
	found bool // head is reached by a tip
	cut   bool // the way back from a tip ends where history is cut off
}

// seenCommit is a commit with who reaches it.
type seenCommit struct {
	commitHeader
	id     manifest.ID
	paint  paint
	queued bool
}

type paint uint8

const (
	byHead paint = 1 << iota
	byTip
)

func (w *ancestryWalk) run(ctx context.Context, tips []manifest.ID) (bool, error) {
	if err := w.begin(tips); err != nil {
		return false, err
	}
	for w.open > 0 && !w.found {
		if err := ctx.Err(); err != nil {
			return false, err
		}
		if err := w.step(); err != nil {
			return false, err
		}
	}
	if !w.found && w.cut {
		return false, errShallow()
	}
	return w.found, nil
}

// all goes on until every commit that tips reach and head does not is seen. In
// a shallow clone, which has few commits, it goes to the end: then the paint of
// each commit is final.
func (w *ancestryWalk) all(ctx context.Context, tips []manifest.ID) error {
	if err := w.begin(tips); err != nil {
		return err
	}
	for w.open > 0 || len(w.shallow) > 0 && w.queue.Len() > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := w.step(); err != nil {
			return err
		}
	}
	return nil
}

func (w *ancestryWalk) begin(tips []manifest.ID) error {
	if err := w.reach(w.head, byHead); err != nil {
		return err
	}
	for _, tip := range tips {
		if err := w.reach(tip, byTip); err != nil {
			return err
		}
	}
	return nil
}

// step passes the paint of the newest queued commit on to its parents.
func (w *ancestryWalk) step() error {
	c := heap.Pop(&w.queue).(*seenCommit)
	c.queued = false
	if c.paint == byTip {
		w.open--
	}
	if _, ok := w.shallow[c.id]; ok {
		w.cut = w.cut || c.paint == byTip
		return nil
	}
	for _, parent := range c.parents {
		if err := w.reach(parent, c.paint); err != nil {
			return err
		}
	}
	return nil
}

// reach paints a commit, and queues it when that is new.
func (w *ancestryWalk) reach(id manifest.ID, by paint) error {
	c := w.seen[id]
	if c == nil {
		header, err := w.objects.commit(id)
		if err != nil {
			return err
		}
		c = &seenCommit{commitHeader: header, id: id}
		w.seen[id] = c
	}
	before := c.paint
	c.paint |= by
	if c.paint == before {
		return nil
	}
	if c.queued && before == byTip {
		w.open--
	}
	if c.paint == byTip {
		w.open++
	}
	if !c.queued {
		c.queued = true
		heap.Push(&w.queue, c)
	}
	w.found = w.found || id == w.head && c.paint&byTip != 0
	return nil
}

// commitQueue is a heap of commits, the newest first.
type commitQueue []*seenCommit

func (q commitQueue) Len() int           { return len(q) }
func (q commitQueue) Less(i, j int) bool { return q[i].time > q[j].time }
func (q commitQueue) Swap(i, j int)      { q[i], q[j] = q[j], q[i] }
func (q *commitQueue) Push(c any)        { *q = append(*q, c.(*seenCommit)) }
func (q *commitQueue) Pop() any {
	old := *q
	last := len(old) - 1
	c := old[last]
	*q = old[:last]
	return c
}
