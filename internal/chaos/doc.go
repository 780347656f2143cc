// Package chaos is the protocol between servers, journal and agents as a small
// model, and the search for histories in which it breaks a promise.
//
// The model is made of the real reducers: [control.Leader] leads, [control.Liveness]
// knows who is silent, the engine decides, and agent/core is the mind of each
// agent. What it adds is what the shells around them do, in a few lines each, and
// a world in which nothing is reliable:
//
//   - An append is refused, lost, or late; its acknowledgement is lost.
//   - Servers and agents crash and start again from what is durable. What an agent
//     had not synced is lost, or is not; its processes live on.
//   - Whoever's turn does not come is paused. A leader that is paused wakes up with
//     the belief that it leads, and what it last heard.
//   - Requests and answers take any time, overtake each other, and come after
//     their agent has given the call up and sent it again. Hints need not come.
//     Connections break.
//   - Time goes by in ticks, and an agent's clock may lose some. Servers' clocks
//     differ.
//
// [Instance.Explore] visits every state that an instance can get into, breadth
// first, so that the first violation found is one of the shortest. A state is seen
// again when its canonical form is: servers are interchangeable, and what can no
// longer matter does not count (see the rules of printer). [Instance.Walk] follows
// one random history, far deeper.
//
// # What must hold
//
//   - No node is over-committed and no gang is torn, in any state that the journal
//     gives (engine.Check, engine.CheckState).
//   - A client that was answered finds its command in the journal, with that answer.
//   - A result stands in the journal before its node forgets it, unless nobody
//     waits for it there. The first final report wins: a task that has ended stays
//     as it ended.
//   - Epochs in the journal never fall, and the fence lets nobody in who has not
//     read what stands before.
//   - An agent that has seen an epoch, or started work in it, obeys no leader of an
//     older one.
//   - No attempt is started twice on a node, whatever its agent goes through. A
//     task marked atMostOnce never runs on two nodes at once.
//   - A node is given up only after a full grace period in which this leader listened.
//   - An agent that takes its set for up to date knows every attempt in it.
//   - Replaying the journal gives the state that living through it gave, and
//     deciding again gives the same events.
//   - From every state, once nothing fails any more, all work ends, and nothing
//     runs on that nobody wants.
//
// [Storm] makes the same world large, and lets a seed draw one history of it, with
// more kinds of faults. There the reducers live on from step to step (see line),
// instead of being looked up among those that were seen.
//
// That the search would find a mistake is tested, too: see [Bug]. docs/protocol.md
// explains the protocol by an ordinary run of the model, and what was found.
package chaos
