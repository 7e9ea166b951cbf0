// Where the page's session is, and what follows from what happens: the table that `session.ts` runs.
//
// The last wish is part of the state: a request that is under way when the user changes their mind is answered into
// another state than the one it was made in. So every order of wishes and answers ends where the last wish says.
import { ignoring, type Table } from "./machine.js";

export type SessionState =
  /** No wish, no connection. */
  | "closed"
  /** To join: there is no ticket yet. */
  | "waiting"
  /** To join: the transport looks for a connection, for the first time or again. */
  | "opening"
  /** To join: the relay has been asked. */
  | "entering"
  /** In the room. */
  | "joined"
  /** In the room; a fresh ticket is asked for, because this one ends. */
  | "expiring"
  /** To another room: the relay has been told that this one is left. */
  | "moving"
  /** Out of the room: the same, and no room is wanted. */
  | "leaving";

export type SessionEvent =
  // wishes
  | "join"
  | "move"
  | "leave"
  // the kernel
  | "ticket"
  | "new-relay"
  // the transport
  | "up"
  | "down"
  | "refused"
  | "resume-refused"
  // the relay's answers
  | "entered"
  | "denied"
  | "departed"
  | "unanswered"
  | "renewed"
  // and what it says by itself
  | "ended"
  | "ending"
  // time
  | "expiry";

export type SessionAction =
  /** Look at the kernel's last ticket again: there may be a use for it now. */
  | "use-ticket"
  /** Begin a transport with the ticket. */
  | "open"
  /** Have the transport try now. */
  | "connect"
  /** End the transport; no answer counts any more. */
  | "close"
  /** Ask the relay to let us in. */
  | "enter"
  /** We are in: learn who is there, publish, tell the call. */
  | "settle"
  /** Tell the relay the name, if it is another one. */
  | "rename"
  /** Ask the relay to let us out. */
  | "depart"
  /** Nobody is there any more for this page. */
  | "forget"
  /** The connection is lost: tell the call, keep what is shown. */
  | "lose"
  /** The relay may have come back at another port, with its secret: there the peer id and its token may be good. */
  | "carry-resume"
  /** The peer id and its token mean nothing (there). */
  | "drop-resume"
  /** Ask for a fresh ticket. */
  | "ask-ticket"
  /** Hand in the fresh ticket. */
  | "renew"
  /** What the relay has given for it. */
  | "stay"
  /** Tell the call that it cannot go on without something new. */
  | "fail";

export const SESSION: Table<SessionState, SessionEvent, SessionAction> = {
  closed: {
    join: ["waiting", "use-ticket"],
    ...ignoring("move", "leave", "ticket", "new-relay", "up", "down", "refused", "resume-refused"),
    ...ignoring("entered", "denied", "departed", "unanswered", "renewed", "ended", "ending", "expiry"),
  },
  waiting: {
    ticket: ["opening", "open"],
    leave: ["closed"],
    ...ignoring("join", "move", "new-relay", "up", "down", "refused", "resume-refused"),
    ...ignoring("entered", "denied", "departed", "unanswered", "renewed", "ended", "ending", "expiry"),
  },
  opening: {
    join: ["opening", "connect"],
    leave: ["closed", "close", "forget"],
    "new-relay": ["opening", "carry-resume", "close", "open"],
    up: ["entering", "enter"],
    refused: ["closed", "close", "forget", "fail"],
    "resume-refused": ["opening", "drop-resume", "connect"],
    ...ignoring("move", "ticket", "down", "entered", "denied", "departed", "unanswered", "renewed"),
    ...ignoring("ended", "ending", "expiry"),
  },
  entering: {
    leave: ["closed", "close", "forget"],
    "new-relay": ["opening", "carry-resume", "close", "open"],
    down: ["opening"],
    entered: ["joined", "settle"],
    denied: ["closed", "close", "forget", "fail"],
    unanswered: ["opening", "close", "open"],
    ended: ["closed", "close", "forget", "fail"],
    // Another room or name is looked at when we are in.
    ...ignoring("join", "move", "ticket", "up", "refused", "resume-refused", "departed", "renewed"),
    ...ignoring("ending", "expiry"),
  },
  joined: {
    join: ["joined", "rename"],
    move: ["moving", "depart", "use-ticket"],
    leave: ["leaving", "depart", "forget"],
    down: ["opening", "lose", "use-ticket"],
    ended: ["closed", "close", "forget", "fail"],
    ending: ["opening", "lose", "close", "open", "use-ticket"],
    expiry: ["expiring", "ask-ticket"],
    // Another relay's ticket is used when this one is lost.
    ...ignoring("ticket", "new-relay", "up", "refused", "resume-refused", "entered", "denied"),
    ...ignoring("departed", "unanswered", "renewed"),
  },
  expiring: {
    join: ["expiring", "rename"],
    move: ["moving", "depart", "use-ticket"],
    leave: ["leaving", "depart", "forget"],
    ticket: ["expiring", "renew"],
    down: ["opening", "lose", "use-ticket"],
    renewed: ["joined", "stay"],
    ended: ["closed", "close", "forget", "fail"],
    ending: ["opening", "lose", "close", "open", "use-ticket"],
    expiry: ["expiring", "ask-ticket"],
    ...ignoring("new-relay", "up", "refused", "resume-refused", "entered", "denied"),
    ...ignoring("departed", "unanswered"),
  },
  moving: {
    leave: ["leaving", "forget"],
    "new-relay": ["opening", "carry-resume", "close", "forget", "open"],
    down: ["opening", "forget", "lose", "use-ticket"],
    departed: ["entering", "forget", "enter"],
    unanswered: ["opening", "close", "forget", "lose", "open", "use-ticket"],
    ended: ["closed", "close", "forget", "fail"],
    ending: ["opening", "close", "forget", "lose", "open", "use-ticket"],
    ...ignoring("join", "move", "ticket", "up", "refused", "resume-refused", "entered", "denied"),
    ...ignoring("renewed", "expiry"),
  },
  leaving: {
    join: ["moving", "use-ticket"],
    down: ["closed", "close"],
    departed: ["closed", "close"],
    unanswered: ["closed", "close"],
    ended: ["closed", "close"],
    ending: ["closed", "close"],
    ...ignoring("move", "leave", "ticket", "new-relay", "up", "refused", "resume-refused"),
    ...ignoring("entered", "denied", "renewed", "expiry"),
  },
};
