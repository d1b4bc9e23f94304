// mayChange reports whether a role is more than that of a viewer.
export const mayChange = (who) => who.role !== "viewer";
