// Package daemon keeps many targets in step for as long as it runs.
//
// Every target has an engine and a loop of its own. A loop waits for a reason
// to look (settled files, a version that the remote lists, a commit, a timer,
// somebody who asks), waits until nothing is in the way (a git operation, a
// remote that does not answer, a pause), and lets its engine push. The engine
// looks at both sides itself, so no reason is ever believed, and losing one
// only makes a look late.
//
// # Control
//
// A daemon answers on a stream socket in HTTP/1.1. Requests and answers are
// JSON; an answer is a sequence of objects, one to a line, of which the last
// has "done": true. The first is empty where the work takes time, as a sign of
// life; those in between say what is waited for. The paths are
//
//	POST /v1/health    {} -> {"health": Health}
//	POST /v1/status    {"args", "cwd", "fingerprint"} -> {"results", "live", "notes"}
//	POST /v1/push      the same and "options" (sync.PushOptions) -> {"results", "notes"}
//	POST /v1/revisions the same and "revisions": [from, to] -> {"results", "notes", "contents"}
//	POST /v1/commit    {"args", "cwd", "fingerprint"} -> {"names", "notes"}
//	POST /v1/pause, /v1/resume {"args", "cwd"} -> {"names"}
//	POST /v1/reload    {} -> {}
//	POST /v1/stop      {} -> {}
//
// A commit names none: the targets that publish commits look at HEAD at once
// and not only when their time comes, and the answer, which does not wait for
// them, has their names.
//
// A status is answered from memory where files are watched by events and
// nothing happened since the last look, where the remote cannot be asked, and
// where a look hangs; the notes say of when it is in the last two cases. Which
// commit is live is told by git as it is at the question.
//
// An error is {"error": sync.Error, "done": true}. The fingerprint stands for
// program, config, environment and credentials of the asking process: where
// it is not the daemon's, the answer is {"stale": true, "done": true}, for
// what the daemon would do is not what was asked for.
package daemon
