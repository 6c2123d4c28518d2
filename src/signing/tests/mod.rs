//! What is accepted, what is refused, and that stock ssh-keygen agrees.

mod hostile;
mod maker;
mod openssh;
mod registry;
