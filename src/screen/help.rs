//! The help of the screen.

/// What every key does.
pub(super) const LINES: &str = "\
Every request is shown whole, and decided by itself.

  Enter, d       open what is selected: all that there is to know of it
  a              approve; asks you to type how the id begins, or, where the
                 risk is critical, the name of the host in full
  r              reject; asks you to type a reason
  p              read the plan that the requester attached
  b              walk through a batch: requests of the same account from the
                 same terminal, for the same ticket, or of the same pipeline
  n              in a batch: leave this one undecided and go to the next

  j k, arrows    one down, one up
  Space, PgDn    a page further; PgUp a page back
  g G, Home End  to the beginning, to the end
  Tab, 1 2 3     Queue, History, Snapshots
  /              filter by words, wherever they stand in a request; Enter
                 looks through attached plans as well; Esc ends it
  R              read everything again
  Esc, q         back; q in a list leaves
  ^L             draw anew       ^Z stop, as in any program

Approving is refused until the end of a request has been on screen: what you
have not seen you cannot agree to. Enter alone never approves. What is approved
is what was shown: a request with another digest is refused.

Text in \"double quotes\" was chosen by somebody else. What cannot be seen in it
is spelled out: \\e is an escape, \\u{202e} turns the direction of writing around,
and \"‹5000 spaces›\" are so many spaces. Risk is a word, also where there is
colour.

What is to be signed, typed in secret or touched is asked for by \"hitl approve\",
outside of this screen: it shows what it says, and comes back at any key.";
