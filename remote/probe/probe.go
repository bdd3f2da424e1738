package probe

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"assetsync/remote"
	"assetsync/remote/remotetest"
)

// attempts is how often a question is begun anew, with a fresh scratch asset,
// when the remote failed in the middle: what a lost answer has spoilt cannot be
// told apart from a behaviour.
const attempts = 3

// NamePrefix begins the names of the scratch assets of all runs.
const NamePrefix = "assetsync-probe-"

// Target is where the questions are asked. All but Wire, Checks and Progress
// are required.
type Target struct {
	Space string // agent space id
	// NewClient makes a client that holds requests to these limits and tells
	// onCall of each call.
	NewClient func(limits remote.Limits, onCall func(operation string, err error)) (*remote.Client, error)
	// Unique begins the names of all scratch assets of this run: NamePrefix, then
	// lower-case letters, digits and hyphens, at most 28 characters in all,
	// different for every run.
	Unique string
	// Wait pauses between two looks at what may lag, for more than a second
	// where the clock of the service is the real one.
	Wait func(context.Context) error

	Wire     *Wire                              // below the clients; nil: what only it sees is not found out
	Checks   []remotetest.Check                 // of what is stated, to be run as well
	Progress func(done, total int, what string) // before each question and check
}

// Answer is what was found out about one question.
type Answer struct {
	Item    int      `json:"item"`
	Asks    string   `json:"question"`
	Quirk   string   `json:"quirk,omitempty"`   // the emulator's name for it; "" when it has none
	Reading string   `json:"reading,omitempty"` // of the quirk; "" when not found out
	Text    string   `json:"text"`              // what was seen, or why nothing was
	Calls   []string `json:"calls,omitempty"`   // the operations that showed it; none when it was not asked
}

// Differs is a check of what is stated that the service failed.
type Differs struct {
	Check string `json:"check"`
	Says  string `json:"says"`
	Found string `json:"found"`
}

// Report is the outcome of a run.
type Report struct {
	Answers  []Answer  // in order of the items
	Complete bool      // all questions were asked
	Checked  int       // checks that were run
	Differs  []Differs // of these
	Left     []string  // ids of scratch assets that could not be deleted
	Earlier  []string  // ids of scratch assets of other runs, at work or killed
	Unclear  []string  // what else is not known of what was made
}

// ErrLeft means that scratch assets could not be deleted, or may be there.
var ErrLeft = errors.New("not everything that was made could be deleted")

// Run asks all questions. It ends early, with an error, when ctx ends, when a
// call is not allowed, and when the remote fails [attempts] times in a row;
// even then it deletes what it made, for a minute at most. What could not be
// deleted is in the report in either case, and an error if nothing else is.
func Run(ctx context.Context, target Target) (report Report, err error) {
	if !strings.HasPrefix(target.Unique, NamePrefix) {
		return report, fmt.Errorf("probe: name %q does not begin with %s", target.Unique, NamePrefix)
	}
	r := &run{Target: target}
	if r.Progress == nil {
		r.Progress = func(int, int, string) {}
	}
	if r.client, err = r.NewClient(remote.Edition20260608(), nil); err != nil {
		return report, err
	}
	if err = r.askAll(ctx, &report); err == nil {
		report.Complete = true
		err = r.checkAll(ctx, &report)
	}
	cleanErr := r.cleanUp(ctx, &report)
	if err == nil {
		err = cleanErr
	}
	return report, err
}

func (r *run) askAll(ctx context.Context, report *Report) error {
	questions := Questions()
	total := len(questions) + len(r.Checks)
	for i, q := range questions {
		r.Progress(i, total, q.Asks)
		a, err := r.ask(ctx, i, q)
		if err != nil {
			return fmt.Errorf("probe item %d (%s): %w", q.Item, q.Asks, err)
		}
		report.Answers = append(report.Answers, a)
	}
	slices.SortStableFunc(report.Answers, func(a, b Answer) int { return a.Item - b.Item })
	return nil
}

// ask asks one question, again where the remote failed. The error ends the run.
func (r *run) ask(ctx context.Context, number int, q Question) (Answer, error) {
	a := Answer{Item: q.Item, Asks: q.Asks, Quirk: q.Quirk, Text: q.WhyNot}
	if q.find == nil {
		return a, nil
	}
	for try := 1; ; try++ {
		s := &scratch{run: r, ctx: ctx, name: fmt.Sprintf("%s-%02d-%d", r.Unique, number, try)}
		found, err := s.look(q)
		switch {
		case err == nil:
			a.Reading, a.Text, a.Calls = found.reading, found.text, s.calls
			return a, nil
		case ctx.Err() != nil:
			return a, context.Cause(ctx)
		case isTrouble(err) && try < attempts:
			if err := r.Wait(ctx); err != nil {
				return a, err
			}
		case isTrouble(err), isDenied(err):
			return a, err
		default:
			a.Text, a.Calls = "not found out: "+err.Error(), s.calls
			return a, nil
		}
	}
}

// isTrouble reports whether an error says nothing about how the service
// behaves, so that asking again may.
func isTrouble(err error) bool {
	if remote.IsKind(err, remote.KindInvalidRequest) {
		return false // refused here, before anything was sent
	}
	return errors.Is(err, remote.ErrAmbiguous) || errors.Is(err, remote.ErrNotSent) ||
		remote.IsKind(err, remote.KindThrottling, remote.KindUnavailable, remote.KindInternalServer, remote.KindInvalidResponse, remote.KindUnexpected, remote.KindCanceled)
}

// isDenied reports whether an error makes all further questions pointless.
func isDenied(err error) bool {
	var e *remote.Error
	if errors.As(err, &e) && e.Kind == remote.KindNotFound && e.Operation == "CreateAsset" {
		return true // the agent space is not there
	}
	return errors.Is(err, errActive) ||
		remote.IsKind(err, remote.KindAccessDenied, remote.KindNotAuthorized, remote.KindCredentialsExpired, remote.KindQuotaExceeded)
}

// checkAll runs the checks of what is stated.
func (r *run) checkAll(ctx context.Context, report *Report) error {
	first := len(Questions())
	target := remotetest.Target{
		Space: r.Space, Unique: r.Unique, Wait: r.Wait, Made: r.made, Gone: r.gone,
		NewClient: func(limits remote.Limits) (*remote.Client, error) { return r.NewClient(limits, nil) },
	}
	for i, c := range r.Checks {
		r.Progress(first+i, first+len(r.Checks), c.Says)
		err := r.check(ctx, c, target)
		switch {
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case isTrouble(err), isDenied(err):
			return fmt.Errorf("check %s: %w", c.Name, err)
		case err != nil:
			report.Differs = append(report.Differs, Differs{c.Name, c.Says, err.Error()})
		}
		report.Checked++
	}
	return nil
}

func (r *run) check(ctx context.Context, c remotetest.Check, target remotetest.Target) (err error) {
	for try := range attempts {
		target.Unique = fmt.Sprintf("%s-c%d", r.Unique, try)
		if err = c.Run(ctx, target); !isTrouble(err) || ctx.Err() != nil {
			return err
		}
	}
	return err
}
