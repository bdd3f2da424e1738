// Package probe finds out how a service behaves where its documentation says
// nothing.
//
// The open items have numbers, which docs/probe.md explains. A [Question] asks
// one of them. [Run] asks all in an agent space: each makes a scratch asset
// under a name of the run's own, inactive and for one kind of agent, looks at
// what calls do to it, and deletes it. Nothing else in the space is touched.
//
// What the emulator can imitate is answered by the name of its quirk and a
// reading of that quirk, all else in words.
package probe
