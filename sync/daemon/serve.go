package daemon

import (
	"context"
	"errors"
	"sync"
	"time"

	assetsync "assetsync/sync"
)

const (
	// sayWaiting is after how long somebody who waits is told for whom.
	sayWaiting = 2 * time.Second

	// hangPoll is how often a status that waits looks whether the target's
	// look hangs, so that it is answered from memory.
	hangPoll = time.Second

	// syncTimeout bounds the wait for events that are on their way: they
	// take less than a millisecond, or there is something wrong with them.
	syncTimeout = 500 * time.Millisecond
)

// errand is what a request wants of each loop.
type errand struct {
	// do is called in the loop, between looks.
	do func(context.Context, *loop) reply
	// memory stands in for do where the loop does not come to it because its
	// look hangs; nil: it has to.
	memory func(*loop) (reply, bool)
}

func (d *Daemon) serveStatus(x *exchange) {
	loops, notes, ok := d.selected(x)
	if !ok {
		return
	}
	ctx, cancel := context.WithTimeout(x.ctx, syncTimeout)
	synced := d.o.Sync(ctx) == nil
	cancel()
	replies := d.each(x, loops, errand{
		do:     func(ctx context.Context, l *loop) reply { return l.status(ctx, synced) },
		memory: func(l *loop) (reply, bool) { return l.memory("a look at it hangs") },
	})
	found := results(replies)
	x.end(answer{Results: found, Live: d.live(x, found), Notes: notes})
	signal(d.worked)
}

// live tells which commits are live, where somebody can tell.
func (d *Daemon) live(x *exchange, found []assetsync.Result) map[string]Live {
	if d.o.Live == nil {
		return nil
	}
	ctx, cancel := context.WithCancel(x.ctx)
	defer cancel()
	defer context.AfterFunc(d.working(), cancel)()
	return d.o.Live(ctx, found)
}

func (d *Daemon) servePush(x *exchange) {
	loops, notes, ok := d.selected(x)
	if !ok {
		return
	}
	replies := d.each(x, loops, errand{do: func(ctx context.Context, l *loop) reply {
		return l.inTurn(ctx, func() reply { return l.push(ctx, x.request.Options) })
	}})
	x.end(answer{Results: results(replies), Notes: notes})
}

func (d *Daemon) serveRevisions(x *exchange) {
	loops, notes, ok := d.selected(x)
	if !ok {
		return
	}
	replies := d.each(x, loops, errand{do: func(ctx context.Context, l *loop) reply {
		return l.inTurn(ctx, func() reply { return l.revisions(ctx, x.request.Revisions) })
	}})
	contents := map[string][]Contents{}
	for i, l := range loops {
		contents[l.t.Name] = replies[i].contents
	}
	x.end(answer{Results: results(replies), Contents: contents, Notes: notes})
}

// revisions reads what there is of each; one that fails is the whole answer.
func (l *loop) revisions(ctx context.Context, names []string) (r reply) {
	for i, name := range names {
		c, res := l.t.Engine.Contents(ctx, name)
		if res.Error != nil {
			return reply{result: res}
		}
		if i > 0 {
			res = res.After(r.result)
		}
		r.result, r.contents = res, append(r.contents, c)
	}
	return r
}

func results(replies []reply) []assetsync.Result {
	list := make([]assetsync.Result, len(replies))
	for i, r := range replies {
		list[i] = r.result
	}
	return list
}

// each lets every loop run an errand, all at once, and returns what came of
// it. It ends with the request, and with the looks when the daemon ends.
func (d *Daemon) each(x *exchange, loops []*loop, e errand) []reply {
	ctx, cancel := context.WithCancel(x.ctx)
	defer cancel()
	defer context.AfterFunc(d.working(), cancel)()
	replies := make([]reply, len(loops))
	var all sync.WaitGroup
	for i, l := range loops {
		all.Go(func() { replies[i] = d.run1(ctx, x, l, e) })
	}
	all.Wait()
	return replies
}

// run1 lets one loop run an errand. A target that begins anew meanwhile is
// asked in its new form. Who waits long is told for what.
func (d *Daemon) run1(ctx context.Context, x *exchange, l *loop, e errand) reply {
	name := l.t.Name
	slow := time.AfterFunc(sayWaiting, func() {
		for _, l := range d.named([]string{name}) {
			x.say(answer{Waiting: l.waitingFor(d.o.Owner)})
		}
	})
	defer slow.Stop()
	for {
		var busy <-chan time.Time
		if e.memory != nil {
			busy = time.After(hangPoll)
		}
		r, err := l.ask(ctx, busy, func() reply { return e.do(ctx, l) })
		switch {
		case err == nil:
			return r
		case errors.Is(err, errBusy):
			if r, ok := e.memory(l); ok && l.hangs() {
				return r
			}
			continue
		case errors.Is(err, errEnding):
			if next := d.named([]string{name}); len(next) == 1 && next[0] != l {
				l = next[0]
				continue
			}
		}
		return failed(name, err)
	}
}

// working is the context of looks.
func (d *Daemon) working() context.Context {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.work
}
