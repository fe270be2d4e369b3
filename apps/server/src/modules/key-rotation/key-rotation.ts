export {
  countSealedBy,
  lockSealedByAnother,
  readSealedTable,
  replaceSealed,
  type SealedFound,
  type SealedTable,
} from "./sealed-rows.ts";
export {
  addProgress,
  countOtherSealers,
  insertRotation,
  listRotations,
  lockRotations,
  type Rotation,
  readOpenRotation,
  readRetirement,
  readRotation,
  writeCount,
  writeFinished,
} from "./store.ts";
